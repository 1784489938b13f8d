//! Builder methods of structs that will have more fields one day.

/// For each field a method of its name that sets it: others have no literal of a struct that is
/// `#[non_exhaustive]`, and write `Config::default().field(…)`.
///
/// What stands behind the name is what the method takes. It becomes the field's type by [`Into`],
/// so that `impl Into<Option<T>>` takes a `T` as well as `None`; or by what follows `=>`. A field
/// that is forgotten does not compile.
macro_rules! builders {
    (@value $field:ident) => { $field.into() };
    (@value $field:ident $value:expr) => { $value };
    ($name:ident {
        $($(#[$attribute:meta])* $field:ident: $takes:ty $(=> $value:expr)?),+ $(,)?
    }) => {
        impl $name {
            $(
                #[doc = concat!(
                    "Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ")."
                )]
                $(#[$attribute])*
                #[must_use]
                pub fn $field(mut self, $field: $takes) -> Self {
                    self.$field = builders!(@value $field $($value)?);
                    self
                }
            )+
        }

        const _: fn($name) = |$name { $($field: _),+ }| {};
    };
}

pub(crate) use builders;
