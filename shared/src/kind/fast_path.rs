//! A fast path for the row that most clients send: the kind's fields in its order, as the database has them.
//!
//! One pass over the bytes validates the row and removes its insignificant whitespace. It accepts fewer rows than the general
//! reading, never others: every text that it does not recognize, valid or not, is left to that.

use super::{Field, JOIN_KEY, Kind, Presence, Rule, date};

/// The most digits of a number that every reader converts to the same `f64`.
const MAX_DIGITS: usize = 15;

/// A valid row at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FastPathRow<'a> {
    /// The join key as sent: digits without a leading zero.
    pub(super) key: &'a str,
    /// The index after the row.
    pub(super) end: usize,
    /// Set if the row has insignificant whitespace, so that it was copied without.
    pub(super) is_copied: bool,
}

impl Kind {
    /// Reads the row at the start of `text`, and appends it to `compact` if it has insignificant whitespace. Returns `None` if
    /// the general reading has to decide; `compact` is unchanged then.
    pub(super) fn fast_path_row<'a>(&self, text: &'a str, compact: &mut Vec<u8>) -> Option<FastPathRow<'a>> {
        let before = compact.len();
        let row = Reader { text, at: 0, kept: 0, compact }.row(self);
        if row.is_none() {
            compact.truncate(before);
        }
        row
    }
}

/// A position in a text whose part before `kept` is copied or dropped.
struct Reader<'a, 'c> {
    text: &'a str,
    at: usize,
    kept: usize,
    compact: &'c mut Vec<u8>,
}

impl<'a> Reader<'a, '_> {
    fn row(mut self, kind: &Kind) -> Option<FastPathRow<'a>> {
        self.expect(b'{')?;
        self.name(kind.join_key)?;
        let key = self.whole_number()?;
        integer(key, &JOIN_KEY)?;
        let mut fields = kind.fields.iter();
        loop {
            self.skip_whitespace();
            match self.next()? {
                b'}' => break,
                b',' => {}
                _ => return None,
            }
            self.skip_whitespace();
            let field = loop {
                let field = fields.next()?;
                if self.is_name(field.name) {
                    break field;
                }
                may_be_missing(field)?;
            };
            self.name(field.name)?;
            self.value(field)?;
        }
        for missing in fields {
            may_be_missing(missing)?;
        }
        let is_copied = self.kept > 0;
        if is_copied {
            self.copy();
        }
        Some(FastPathRow { key, end: self.at, is_copied })
    }

    /// Reads the value of `field`, which must be of the type that most rows have.
    fn value(&mut self, field: &Field) -> Option<()> {
        if self.rest().starts_with(b"null") {
            self.at += 4;
            return (field.presence != Presence::NotNull).then_some(());
        }
        match field.rule {
            Rule::Text | Rule::TextOrList => self.string().map(drop),
            Rule::Integer { .. } => integer(self.whole_number()?, &field.rule).map(drop),
            Rule::Number { min, max } => {
                let number = self.number()?.parse::<f64>().ok()?;
                (min..=max).contains(&number).then_some(())
            }
            Rule::DateTime => {
                let text = self.string()?;
                // An escape has its meaning only once it is read.
                (!text.contains('\\') && date::check(text).is_ok()).then_some(())
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.copy();
            self.at += 1;
            self.kept = self.at;
        }
    }

    /// Copies the text since `kept`.
    fn copy(&mut self) {
        self.compact.extend_from_slice(&self.text.as_bytes()[self.kept..self.at]);
    }

    /// Returns whether this name is next.
    fn is_name(&self, name: &str) -> bool {
        let rest = self.rest();
        rest.len() > name.len() + 1
            && rest[0] == b'"'
            && &rest[1..=name.len()] == name.as_bytes()
            && rest[name.len() + 1] == b'"'
    }

    /// Reads this name, the colon, and the whitespace around them.
    fn name(&mut self, name: &str) -> Option<()> {
        self.skip_whitespace();
        if !self.is_name(name) {
            return None;
        }
        self.at += name.len() + 2;
        self.skip_whitespace();
        self.expect(b':')?;
        self.skip_whitespace();
        Some(())
    }

    /// Reads a string, and returns its text between the quotes, as sent.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.at += ordinary_bytes(self.rest());
            match self.next()? {
                b'"' => return Some(&self.text[start..self.at - 1]),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Reads the escape after a backslash.
    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.code_unit()? {
                0xd800..=0xdbff => {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    matches!(self.code_unit()?, 0xdc00..=0xdfff).then_some(())
                }
                0xdc00..=0xdfff => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    /// Reads four hexadecimal digits.
    fn code_unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }

    /// Reads a whole number without sign, fraction and exponent.
    fn whole_number(&mut self) -> Option<&'a str> {
        let number = self.number()?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
    }

    /// Reads a number without exponent.
    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at += usize::from(self.peek()? == b'-');
        let whole = self.digits();
        let has_leading_zero = whole.len() > 1 && whole[0] == b'0';
        let mut digits = whole.len();
        if digits == 0 || has_leading_zero {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            let fraction = self.digits().len();
            digits += fraction;
            if fraction == 0 {
                return None;
            }
        }
        let is_over = !matches!(self.peek(), Some(b'e' | b'E'));
        (is_over && digits <= MAX_DIGITS).then(|| &self.text[start..self.at])
    }

    fn digits(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        &rest[..count]
    }
}

fn may_be_missing(field: &Field) -> Option<()> {
    (field.presence == Presence::Optional).then_some(())
}

/// The value of `digits`, if `rule` accepts it.
fn integer(digits: &str, rule: &Rule) -> Option<i64> {
    let Rule::Integer { min, max } = rule else { return None };
    digits.parse().ok().filter(|number| (min..=max).contains(&number))
}

/// The number of bytes before the first quote, backslash or control character: all of them if there is none.
fn ordinary_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    /// The high bit of each byte below `limit`. Bits behind the first one may be wrong, because the subtraction borrows.
    const fn below(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word & HIGH
    }
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is_quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let is_backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = is_quote | is_backslash | below(word, u64::from(b' '));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
