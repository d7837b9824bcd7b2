//! Where a policy's paths lead in a schema, and a schema with some of its leaves replaced.

use super::{damaged, guarded};
use crate::{Error, Path, Step, Type, formats::sample::member as member_step};
use arrow_schema::{DataType, TimeUnit};
use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit as ParquetUnit, Type as Physical},
    schema::types::{SchemaDescPtr, SchemaDescriptor, Type as Node, TypePtr},
};
use std::{collections::HashMap, sync::Arc};

/// The number of the leaf that a path leads to.
///
/// Members are fields of groups; `[*]` goes into a list (its inner groups are not written), a repeated field or
/// the entries of a map, whose members are those of its inner group (`key` and `value`).
pub(super) fn leaf(schema: &SchemaDescriptor, path: &Path) -> Result<usize, Error> {
    let mut node = schema.root_schema_ptr();
    let mut parts: Vec<String> = Vec::new();
    // Whether the node is repeated by itself and `[*]` has not said so.
    let mut repeated = false;
    for step in path.steps() {
        node = match step {
            Step::Member(name) => {
                if repeated {
                    return Err(Error::Policy(format!("`{path}`: `[*]` is missing before `{name}`")));
                }
                let next = member(&node, name).ok_or_else(|| absent(schema, path))?;
                parts.push(name.clone());
                repeated = is_repeated(&next);
                next
            }
            Step::Items if repeated => {
                repeated = false;
                node
            }
            Step::Items => items(node, &mut parts).ok_or_else(|| absent(schema, path))?,
        };
    }
    if repeated {
        return Err(Error::Policy(format!("`{path}` has several values in a row: `{path}[*]`")));
    }
    let found = schema.columns().iter().position(|column| column.path().parts() == parts);
    found.ok_or_else(|| {
        let inside = schema.columns().iter().filter(|column| column.path().parts().starts_with(&parts));
        let inside =
            inside.take(20).map(|column| format!("`{}`", column.path().string())).collect::<Vec<_>>();
        Error::Policy(format!("`{path}` is a group: name its members ({})", inside.join(", ")))
    })
}

fn member(node: &TypePtr, name: &str) -> Option<TypePtr> {
    if !node.is_group() {
        return None;
    }
    node.get_fields().iter().find(|field| field.name() == name).cloned()
}

fn is_repeated(node: &Node) -> bool {
    node.get_basic_info().has_repetition() && node.get_basic_info().repetition() == Repetition::REPEATED
}

/// What a list or a map holds, by the rules of Parquet's LogicalTypes.md, "Lists" and "Maps".
fn items(node: TypePtr, parts: &mut Vec<String>) -> Option<TypePtr> {
    let list = matches!(node.get_basic_info().logical_type_ref(), Some(LogicalType::List))
        || node.get_basic_info().converted_type() == ConvertedType::LIST;
    let map = matches!(node.get_basic_info().logical_type_ref(), Some(LogicalType::Map))
        || matches!(
            node.get_basic_info().converted_type(),
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE
        );
    if !node.is_group() || !(list || map) {
        return None;
    }
    let [inner] = node.get_fields() else { return None };
    if !is_repeated(inner) {
        return None;
    }
    parts.push(inner.name().to_owned());
    // Three levels, or the older two: then the repeated field is the element.
    let two_levels = !inner.is_group()
        || inner.get_fields().len() != 1
        || inner.name() == "array"
        || inner.name() == format!("{}_tuple", node.name());
    if map || two_levels {
        return Some(inner.clone());
    }
    let element = inner.get_fields().first()?.clone();
    parts.push(element.name().to_owned());
    Some(element)
}

/// The leaves, and the path to each.
pub(super) fn paths(schema: &SchemaDescriptor) -> Vec<(usize, Path)> {
    fn walk(node: &TypePtr, path: &str, next: &mut usize, found: &mut Vec<(usize, String)>) {
        let repeated = if is_repeated(node) { "[*]" } else { "" };
        let path = format!("{path}{repeated}");
        if !node.is_group() {
            found.push((*next, path));
            *next += 1;
            return;
        }
        match items(node.clone(), &mut Vec::new()) {
            // The inner group of a list is not written; its repetition is the `[*]`.
            Some(element) if is_repeated(&element) => walk(&element, &path, next, found),
            Some(element) => walk(&element, &format!("{path}[*]"), next, found),
            None => {
                for field in node.get_fields() {
                    walk(field, &format!("{path}{}", member_step(field.name())), next, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut next = 0;
    for field in schema.root_schema().get_fields() {
        walk(field, &format!("${}", member_step(field.name())), &mut next, &mut found);
    }
    // A path that is too deep to be named is no field of a policy.
    found.into_iter().filter_map(|(leaf, path)| Some((leaf, Path::parse(&path).ok()?))).collect()
}

fn absent(schema: &SchemaDescriptor, path: &Path) -> Error {
    let columns =
        schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect::<Vec<_>>();
    crate::protect::missing(path.as_str(), &columns)
}

/// The schema with these leaves replaced, by their numbers.
pub(super) fn with_leaves(
    schema: &SchemaDescriptor,
    leaves: &HashMap<usize, TypePtr>,
) -> Result<SchemaDescPtr, Error> {
    let mut next = 0;
    let root = guarded(|| rebuilt(&schema.root_schema_ptr(), leaves, &mut next))?;
    Ok(Arc::new(SchemaDescriptor::new(root)))
}

fn rebuilt(
    node: &TypePtr,
    leaves: &HashMap<usize, TypePtr>,
    next: &mut usize,
) -> parquet::errors::Result<TypePtr> {
    if !node.is_group() {
        let leaf = leaves.get(next).unwrap_or(node).clone();
        *next += 1;
        return Ok(leaf);
    }
    let fields =
        node.get_fields().iter().map(|field| rebuilt(field, leaves, next)).collect::<Result<Vec<_>, _>>()?;
    let info = node.get_basic_info();
    let mut group = Node::group_type_builder(info.name())
        .with_fields(fields)
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(info.has_id().then(|| info.id()));
    if info.has_repetition() {
        group = group.with_repetition(info.repetition());
    }
    Ok(Arc::new(group.build()?))
}

/// The leaf that holds the protected values of another: text, under its name and repetition.
pub(super) fn text_leaf(leaf: &Node) -> Result<TypePtr, Error> {
    let info = leaf.get_basic_info();
    guarded(|| {
        let text = Node::primitive_type_builder(info.name(), Physical::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .with_id(info.has_id().then(|| info.id()));
        Ok(Arc::new(text.build()?))
    })
}

/// The type of a leaf's values, as manifests name it.
pub(super) fn plain_type(leaf: &Node) -> Result<Type, Error> {
    let Node::PrimitiveType { basic_info, physical_type, type_length, precision, scale, .. } = leaf else {
        return Err(damaged("a leaf of its schema is a group"));
    };
    let (logical, converted) = (basic_info.logical_type_ref(), basic_info.converted_type());
    let digits = || Some((u8::try_from(*precision).ok()?, i8::try_from(*scale).ok()?));
    let decimal = matches!(logical, Some(LogicalType::Decimal { .. })) || converted == ConvertedType::DECIMAL;
    let unsigned = matches!(logical, Some(LogicalType::Integer(of)) if !of.is_signed)
        || matches!(
            converted,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        );
    let stamp = |unit, utc: bool| DataType::Timestamp(unit, utc.then(|| Arc::from("UTC")));
    let of = match physical_type {
        Physical::BOOLEAN => DataType::Boolean,
        Physical::INT32 => match (logical, converted, digits()) {
            (Some(LogicalType::Date), _, _) | (_, ConvertedType::DATE, _) => DataType::Date32,
            (Some(LogicalType::Time { .. }), _, _) | (_, ConvertedType::TIME_MILLIS, _) => {
                DataType::Time32(TimeUnit::Millisecond)
            }
            (_, _, Some((precision @ 1..=9, scale))) if decimal => DataType::Decimal32(precision, scale),
            _ if unsigned => DataType::UInt32,
            _ => DataType::Int32,
        },
        Physical::INT64 => match (logical, converted, digits()) {
            (Some(LogicalType::Timestamp(of)), _, _) => stamp(time_unit(of.unit), of.is_adjusted_to_u_t_c),
            (None, ConvertedType::TIMESTAMP_MILLIS, _) => stamp(TimeUnit::Millisecond, true),
            (None, ConvertedType::TIMESTAMP_MICROS, _) => stamp(TimeUnit::Microsecond, true),
            (Some(LogicalType::Time(of)), _, _) if of.unit == ParquetUnit::NANOS => {
                DataType::Time64(TimeUnit::Nanosecond)
            }
            (Some(LogicalType::Time { .. }), _, _) | (_, ConvertedType::TIME_MICROS, _) => {
                DataType::Time64(TimeUnit::Microsecond)
            }
            (_, _, Some((precision @ 1..=18, scale))) if decimal => DataType::Decimal64(precision, scale),
            _ if unsigned => DataType::UInt64,
            _ => DataType::Int64,
        },
        Physical::INT96 => DataType::FixedSizeBinary(12),
        Physical::FLOAT => DataType::Float32,
        Physical::DOUBLE => DataType::Float64,
        Physical::FIXED_LEN_BYTE_ARRAY => DataType::FixedSizeBinary(*type_length),
        Physical::BYTE_ARRAY => {
            let text = matches!(logical, Some(LogicalType::String | LogicalType::Json | LogicalType::Enum))
                || matches!(converted, ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM);
            if text { DataType::Utf8 } else { DataType::Binary }
        }
    };
    Type::of(&of)
        .ok_or_else(|| Error::Parquet(format!("column `{}` has a type that is not known", leaf.name())))
}

const fn time_unit(unit: ParquetUnit) -> TimeUnit {
    match unit {
        ParquetUnit::MILLIS => TimeUnit::Millisecond,
        ParquetUnit::MICROS => TimeUnit::Microsecond,
        ParquetUnit::NANOS => TimeUnit::Nanosecond,
    }
}
