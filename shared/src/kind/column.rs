//! The columns of a kind's table: each a name, the fields that it is made of, and their cleaning.

/// A column of a kind's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in the table. A published name never changes its type or meaning: tables only gain columns.
    pub name: &'static str,
    /// The fields of the row that it is made of, by [`super::Field::name`].
    pub fields: &'static [&'static str],
    /// The way to its value.
    pub cleaning: Cleaning,
}

/// The column of the join key, which every kind's table has. The row may name it by any of [`super::JOIN_KEYS`].
pub const JOIN_COLUMN: Column = Column { name: "ind", fields: &[], cleaning: Cleaning::Integer };

/// The way from fields to a column's value. A value that it does not accept becomes null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleaning {
    /// A text, null in place of a placeholder. A list of texts is joined with commas, the form in which the database has it.
    Text,
    /// The same without this prefix.
    TextWithout(&'static str),
    /// Texts, those that are not null, joined with a space.
    Joined,
    /// A number of people or things: `451`, `20k` or `2M`.
    Count,
    /// A whole number, as the field's rule accepts it.
    Integer,
    /// A number, as the field's rule accepts it.
    Number,
    /// A list of such numbers, null if one is missing.
    Numbers,
    /// A moment in any of the accepted forms, of UTC if it names no zone.
    Time,
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInteger,
    /// A double.
    Number,
    /// A list of doubles.
    Numbers,
    /// Microseconds since 1970 in UTC.
    Time,
}

impl Column {
    pub(super) const fn new(name: &'static str, fields: &'static [&'static str], cleaning: Cleaning) -> Self {
        Self { name, fields, cleaning }
    }
}

impl Cleaning {
    /// The type of its values.
    #[must_use]
    pub const fn column_type(self) -> ColumnType {
        match self {
            Self::Text | Self::TextWithout(_) | Self::Joined => ColumnType::Text,
            Self::Count => ColumnType::BigInteger,
            Self::Integer => ColumnType::Integer,
            Self::Number => ColumnType::Number,
            Self::Numbers => ColumnType::Numbers,
            Self::Time => ColumnType::Time,
        }
    }
}
