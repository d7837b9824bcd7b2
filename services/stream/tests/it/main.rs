//! The log from outside: on a disk, and on one that loses, tears, fails and fills.

mod damage;
mod faults;
mod faulty;
mod plain;
