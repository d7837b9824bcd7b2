//! Logarithm, power and cotangent from additions, multiplications and divisions alone: the standard library's
//! are the platform's, and a replay must come to the same bits everywhere.

use std::f64::consts::{LN_2, PI};

/// 2 to the power of `x`, of which a relative error below 10⁻⁶ remains; 0 far below, and never above 2⁶³.
#[expect(clippy::cast_possible_truncation, reason = "clamped to ±63 before")]
pub(crate) fn exp2(x: f64) -> f64 {
    if x < -60.0 || x.is_nan() {
        return 0.0;
    }
    let x = x.min(63.0);
    let whole = (x + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let y = (x - f64::from(whole)) * LN_2;
    let power =
        1.0 + y * (1.0 + y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0 * (1.0 + y / 5.0 * (1.0 + y / 6.0)))));
    let scale = f64::from_bits(u64::from((1_023 + whole).unsigned_abs()) << 52);
    power * scale
}

/// What is left of one after `elapsed`, where half is left after `half_life` (same unit).
pub(crate) fn left(elapsed: f64, half_life: f64) -> f32 {
    if elapsed <= 0.0 {
        return 1.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let left = exp2(-elapsed / half_life) as f32;
    left
}

/// The logarithm to base 2 of a positive number; of anything else, that of the smallest.
pub(crate) fn log2(x: f64) -> f64 {
    let x = if x >= f64::MIN_POSITIVE && x.is_finite() { x } else { f64::MIN_POSITIVE };
    let bits = x.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1_023;
    let mut fraction = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1_023 << 52));
    let mut exponent = f64::from(exponent);
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        exponent += 1.0;
    }
    let s = (fraction - 1.0) / (fraction + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0))));
    exponent + 2.0 * s * series / LN_2
}

/// The natural logarithm.
pub(crate) fn ln(x: f64) -> f64 {
    log2(x) * LN_2
}

/// cot(πp), for a probability `p`.
pub(crate) fn cot(p: f64) -> f64 {
    if p > 0.5 {
        return -cot(1.0 - p);
    }
    let p = p.max(1e-300);
    if p <= 0.25 {
        let (sin, cos) = sin_cos(PI * p);
        cos / sin
    } else {
        let (sin, cos) = sin_cos(PI * (0.5 - p));
        sin / cos
    }
}

/// The probability of which [`cot`] is `t`.
pub(crate) fn acot(t: f64) -> f64 {
    if t < 0.0 {
        1.0 - acot(-t)
    } else if t > 1.0 {
        atan(1.0 / t) / PI
    } else {
        0.5 - atan(t) / PI
    }
}

/// For angles up to π/4.
fn sin_cos(x: f64) -> (f64, f64) {
    let q = x * x;
    let sin = x * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0))));
    let cos = 1.0 - q / 2.0 * (1.0 - q / 12.0 * (1.0 - q / 30.0 * (1.0 - q / 56.0 * (1.0 - q / 90.0))));
    (sin, cos)
}

/// Between 0 and 1; the angle is halved twice before the series.
fn atan(y: f64) -> f64 {
    let y = y / (1.0 + (1.0 + y * y).sqrt());
    let y = y / (1.0 + (1.0 + y * y).sqrt());
    let q = y * y;
    4.0 * y * (1.0 - q * (1.0 / 3.0 - q * (1.0 / 5.0 - q * (1.0 / 7.0 - q / 9.0))))
}

#[cfg(test)]
mod tests {
    use super::{acot, cot, exp2, left, ln, log2};
    use std::f64::consts::PI;

    #[test]
    fn they_agree_with_the_platform_s() {
        for step in -4_000..4_000 {
            let x = f64::from(step) / 100.0;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-6, "2^{x}");
            let y = x.exp2();
            assert!((log2(y) - x).abs() < 1e-6 && (ln(y) - y.ln()).abs() < 1e-6, "log {y}");
        }
        for step in 1..1_000 {
            let p = f64::from(step) / 1_000.0;
            let expected = 1.0 / (PI * p).tan();
            assert!((cot(p) - expected).abs() < 1e-4 * (1.0 + expected.abs()), "cot {p}: {}", cot(p));
            assert!((acot(cot(p)) - p).abs() < 1e-6, "{p}");
        }
        for p in [1e-12, 1e-9, 1e-6, 1e-3] {
            assert!((acot(cot(p)) / p - 1.0).abs() < 1e-5, "{p}");
        }
        assert!((left(3.0, 3.0) - 0.5).abs() < 1e-6);
        assert!((left(-1.0, 3.0) - 1.0).abs() < 1e-6, "what lies ahead has lost nothing");
    }
}
