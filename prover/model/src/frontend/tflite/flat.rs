//! FlatBuffers: tables, vectors and strings at offsets of a file. Every offset is checked when it is followed, none is followed twice for
//! one field, and the schema has no table within itself, so that reading ends.

use super::malformed;
use crate::error::{ModelError, Result};

/// No name is longer, so that many uses of one text take no memory.
const MAX_TEXT: usize = 1 << 9;

/// A table: fields at places that its vtable states, each of which may be missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'f> {
    file: &'f [u8],
    at: usize,
    vtable: usize,
    fields: usize,
    /// Bytes of the table itself.
    size: usize,
    /// What it is, for messages.
    what: &'static str,
}

/// A vector of elements of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<'f> {
    file: &'f [u8],
    /// Place of the first element.
    at: usize,
    len: usize,
    what: &'static str,
}

fn broken(what: &str, at: usize) -> ModelError {
    malformed(format!(
        "{what} at byte {at} lies outside of the file; is the file complete?"
    ))
}

fn bytes<const N: usize>(file: &[u8], at: usize, what: &str) -> Result<[u8; N]> {
    file.get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or_else(|| broken(what, at))
}

/// The place that an unsigned offset at `at` leads to.
fn follow(file: &[u8], at: usize, what: &str) -> Result<usize> {
    let offset = u32::from_le_bytes(bytes(file, at, what)?) as usize;
    let to = at
        .checked_add(offset)
        .filter(|to| offset > 0 && *to < file.len());
    to.ok_or_else(|| broken(what, at))
}

impl<'f> Table<'f> {
    /// The table that a file begins with an offset to.
    pub(super) fn root(file: &'f [u8], what: &'static str) -> Result<Self> {
        Self::at(file, follow(file, 0, what)?, what)
    }

    fn at(file: &'f [u8], at: usize, what: &'static str) -> Result<Self> {
        let back = i64::from(i32::from_le_bytes(bytes(file, at, what)?));
        let vtable = usize::try_from(at as i64 - back).map_err(|_| broken(what, at))?;
        let size = usize::from(u16::from_le_bytes(bytes(file, vtable, what)?));
        let own = usize::from(u16::from_le_bytes(bytes(
            file,
            vtable.saturating_add(2),
            what,
        )?));
        let inside =
            |at: usize, len: usize| at.checked_add(len).is_some_and(|end| end <= file.len());
        if size < 4 || size % 2 != 0 || own < 4 || !inside(vtable, size) || !inside(at, own) {
            return Err(broken(what, at));
        }
        Ok(Self {
            file,
            at,
            vtable,
            fields: (size - 4) / 2,
            size: own,
            what,
        })
    }

    /// Place of a field; `None` if the table has none.
    fn field(&self, index: usize) -> Result<Option<usize>> {
        if index >= self.fields {
            return Ok(None);
        }
        let at = self.vtable + 4 + 2 * index;
        let offset = usize::from(u16::from_le_bytes(bytes(self.file, at, self.what)?));
        if offset >= self.size {
            return Err(broken(self.what, at));
        }
        Ok((offset > 0).then_some(self.at + offset))
    }

    fn scalar<const N: usize>(&self, index: usize) -> Result<Option<[u8; N]>> {
        let at = self.field(index)?;
        at.map(|at| bytes(self.file, at, self.what)).transpose()
    }

    pub(super) fn u8(&self, index: usize, default: u8) -> Result<u8> {
        Ok(self.scalar(index)?.map_or(default, u8::from_le_bytes))
    }

    pub(super) fn flag(&self, index: usize) -> Result<bool> {
        Ok(self.u8(index, 0)? != 0)
    }

    pub(super) fn i32(&self, index: usize, default: i32) -> Result<i32> {
        Ok(self.scalar(index)?.map_or(default, i32::from_le_bytes))
    }

    pub(super) fn u32(&self, index: usize) -> Result<u32> {
        Ok(self.scalar(index)?.map_or(0, u32::from_le_bytes))
    }

    pub(super) fn u64(&self, index: usize) -> Result<u64> {
        Ok(self.scalar(index)?.map_or(0, u64::from_le_bytes))
    }

    pub(super) fn f32(&self, index: usize) -> Result<f64> {
        let value = self.scalar(index)?.map_or(0.0, f32::from_le_bytes);
        Ok(f64::from(value))
    }

    /// The table that a field leads to.
    pub(super) fn table(&self, index: usize, what: &'static str) -> Result<Option<Self>> {
        let Some(at) = self.field(index)? else {
            return Ok(None);
        };
        Self::at(self.file, follow(self.file, at, what)?, what).map(Some)
    }

    /// The vector that a field leads to, of elements of so many bytes; empty if there is none.
    pub(super) fn vector(
        &self,
        index: usize,
        element: usize,
        what: &'static str,
    ) -> Result<Vector<'f>> {
        let file = self.file;
        let Some(field) = self.field(index)? else {
            return Ok(Vector {
                file,
                at: 0,
                len: 0,
                what,
            });
        };
        let at = follow(file, field, what)?;
        let len = u32::from_le_bytes(bytes(file, at, what)?) as usize;
        let end = len.checked_mul(element).and_then(|n| n.checked_add(at + 4));
        if end.is_none_or(|end| end > file.len()) {
            return Err(broken(what, at));
        }
        Ok(Vector {
            file,
            at: at + 4,
            len,
            what,
        })
    }

    /// The bytes that a field leads to.
    pub(super) fn bytes(&self, index: usize, what: &'static str) -> Result<&'f [u8]> {
        let vector = self.vector(index, 1, what)?;
        Ok(&self.file[vector.at..vector.at + vector.len])
    }

    /// The text that a field leads to; of a long one, the beginning.
    pub(super) fn text(&self, index: usize, what: &'static str) -> Result<String> {
        let text = self.bytes(index, what)?;
        let text = &text[..text.len().min(MAX_TEXT)];
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Whole numbers of 32 bits, at most so many of them.
    pub(super) fn ints(&self, index: usize, most: usize, what: &'static str) -> Result<Vec<i32>> {
        let vector = self.vector(index, 4, what)?;
        vector.limited(most)?;
        (0..vector.len)
            .map(|n| bytes(self.file, vector.at + 4 * n, what).map(i32::from_le_bytes))
            .collect()
    }

    /// Whole numbers of 64 bits, at most so many of them.
    pub(super) fn longs(&self, index: usize, most: usize, what: &'static str) -> Result<Vec<i64>> {
        let vector = self.vector(index, 8, what)?;
        vector.limited(most)?;
        (0..vector.len)
            .map(|n| bytes(self.file, vector.at + 8 * n, what).map(i64::from_le_bytes))
            .collect()
    }

    /// Real numbers of 32 bits, at most so many of them.
    pub(super) fn floats(&self, index: usize, most: usize, what: &'static str) -> Result<Vec<f64>> {
        let vector = self.vector(index, 4, what)?;
        vector.limited(most)?;
        (0..vector.len)
            .map(|n| {
                bytes(self.file, vector.at + 4 * n, what).map(|b| f64::from(f32::from_le_bytes(b)))
            })
            .collect()
    }

    /// The tables that a field leads to, at most so many of them.
    pub(super) fn tables(
        &self,
        index: usize,
        most: usize,
        what: &'static str,
    ) -> Result<Vec<Self>> {
        let vector = self.vector(index, 4, what)?;
        vector.limited(most)?;
        (0..vector.len)
            .map(|n| Self::at(self.file, follow(self.file, vector.at + 4 * n, what)?, what))
            .collect()
    }
}

impl Vector<'_> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn limited(&self, most: usize) -> Result<()> {
        if self.len <= most {
            return Ok(());
        }
        Err(malformed(format!(
            "{} of {} elements at byte {}; supported: {most}",
            self.what, self.len, self.at
        )))
    }

    /// An element of up to eight bytes, as an unsigned number.
    pub(super) fn number(&self, index: usize, element: usize) -> Result<u64> {
        let at = self.at + index * element;
        let part = self.file.get(at..at + element).filter(|_| index < self.len);
        let part = part.ok_or_else(|| broken(self.what, at))?;
        Ok(part
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}
