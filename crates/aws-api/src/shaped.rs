//! How Rust types stand for shapes: the conversions that generated structures are made of.

use std::collections::BTreeMap;

use aws_model::{Fields, Value};
use aws_types::Timestamp;
use bytes::Bytes;

use crate::ShapeError;

/// A Rust type that stands for a shape.
pub trait Shaped: Sized {
    /// Reads a value of the shape.
    ///
    /// # Errors
    /// The value is of another shape.
    fn from_value(value: Value) -> Result<Self, ShapeError>;

    /// Makes a value of the shape.
    fn into_value(self) -> Value;

    /// What a member of this type is when it is absent, if it may be.
    fn absent() -> Option<Self> {
        None
    }

    /// Adds this member to its structure, if it is present.
    fn push_to(self, name: &'static str, fields: &mut Fields) {
        fields.push(name, self.into_value());
    }
}

/// Takes one member out of a structure's fields.
///
/// # Errors
/// It is required and absent, or of another shape.
pub fn take<T: Shaped>(
    fields: &mut Fields,
    shape: &'static str,
    member: &'static str,
) -> Result<T, ShapeError> {
    match fields.take(member) {
        Some(value) => T::from_value(value).map_err(|error| at(shape, member, &error)),
        None => T::absent().ok_or_else(|| ShapeError { shape, problem: format!("{member} is absent") }),
    }
}

/// The members of a structure.
///
/// # Errors
/// The value is not a structure.
pub fn fields(value: Value, shape: &'static str) -> Result<Fields, ShapeError> {
    match value {
        Value::Structure(fields) => Ok(fields),
        other => Err(mismatch(shape, &other)),
    }
}

#[cold]
fn at(shape: &'static str, member: &str, error: &ShapeError) -> ShapeError {
    ShapeError { shape, problem: format!("{member}: {error}") }
}

#[cold]
fn mismatch(shape: &'static str, value: &Value) -> ShapeError {
    let found = match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::String(_) => "a string",
        Value::Blob(_) => "a blob",
        Value::Timestamp(_) => "a timestamp",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Structure(_) => "a structure",
    };
    ShapeError { shape, problem: format!("found {found}") }
}

impl<T: Shaped> Shaped for Option<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn push_to(self, name: &'static str, fields: &mut Fields) {
        if let Some(value) = self {
            fields.push(name, value.into_value());
        }
    }
}

impl<T: Shaped> Shaped for Box<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        T::from_value(value).map(Box::new)
    }

    fn into_value(self) -> Value {
        (*self).into_value()
    }
}

impl<T: Shaped> Shaped for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::List(values) => values.into_iter().map(T::from_value).collect(),
            other => Err(mismatch("list", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: Shaped> Shaped for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Map(entries) => {
                entries.into_iter().map(|(key, value)| Ok((key, T::from_value(value)?))).collect()
            }
            other => Err(mismatch("map", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key, value.into_value())).collect())
    }
}

/// A document is whatever it is.
impl Shaped for Value {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        Ok(value)
    }

    fn into_value(self) -> Value {
        self
    }
}

impl Shaped for i32 {
    fn from_value(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Integer(number) => number.try_into().map_err(|_| ShapeError {
                shape: "integer",
                problem: format!("{number} does not fit 32 bits"),
            }),
            other => Err(mismatch("integer", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Integer(self.into())
    }
}

macro_rules! scalars {
    ($($type:ty, $shape:literal, $variant:ident, $into:expr, $from:expr;)*) => {$(
        impl Shaped for $type {
            fn from_value(value: Value) -> Result<Self, ShapeError> {
                match value {
                    Value::$variant(scalar) => Ok($into(scalar)),
                    other => Err(mismatch($shape, &other)),
                }
            }

            fn into_value(self) -> Value {
                Value::$variant($from(self))
            }
        }
    )*};
}

scalars! {
    bool, "boolean", Boolean, std::convert::identity, std::convert::identity;
    i64, "long", Integer, std::convert::identity, std::convert::identity;
    f64, "double", Float, std::convert::identity, std::convert::identity;
    String, "string", String, std::convert::identity, std::convert::identity;
    Bytes, "blob", Blob, std::convert::identity, std::convert::identity;
    Timestamp, "timestamp", Timestamp, Timestamp::from_unix_millis, Timestamp::unix_millis;
}

/// Makes a struct stand for a structure: `structure! { Type, "ShapeName" { "MemberName" => field, .. } }`.
#[macro_export]
#[doc(hidden)]
macro_rules! structure {
    ($type:ident, $shape:literal { $($member:literal => $field:ident),* $(,)? }) => {
        impl $crate::Shaped for $type {
            #[allow(unused_mut, unused_variables)]
            fn from_value(value: ::aws_model::Value) -> Result<Self, $crate::ShapeError> {
                let mut fields = $crate::shaped::fields(value, $shape)?;
                Ok(Self { $($field: $crate::shaped::take(&mut fields, $shape, $member)?,)* })
            }

            #[allow(unused_mut)]
            fn into_value(self) -> ::aws_model::Value {
                const MEMBERS: &[&str] = &[$($member),*];
                let mut fields = ::aws_model::Fields::with_capacity(MEMBERS.len());
                $($crate::Shaped::push_to(self.$field, $member, &mut fields);)*
                ::aws_model::Value::Structure(fields)
            }
        }

        impl TryFrom<::aws_model::Value> for $type {
            type Error = $crate::ShapeError;

            fn try_from(value: ::aws_model::Value) -> Result<Self, $crate::ShapeError> {
                <Self as $crate::Shaped>::from_value(value)
            }
        }

        impl From<$type> for ::aws_model::Value {
            fn from(value: $type) -> Self {
                $crate::Shaped::into_value(value)
            }
        }
    };
}
