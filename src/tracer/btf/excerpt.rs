//! Writes type information that holds some structs of the kernel, and an enum of our own: what libbpf needs to find the
//! places of their fields, and the ids of their types. Bit fields and structs in them that are not wanted are left out,
//! structs without a name become part of what is around them, and a pointer is just a pointer.

use std::collections::HashMap;

use super::{Btf, COMMON, Kind, MAGIC, Type, u32_at};

const HEADER: usize = 24;

/// More types are not within each other, but in a circle.
const DEEPEST: u32 = 32;

/// The types as they are written.
#[derive(Default)]
struct Excerpt {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
    /// Ids here, by the kernel's.
    written: HashMap<u32, u32>,
    pointer: Option<u32>,
    depth: u32,
}

/// A field of a struct: its name in the kernel, its type here, and its offset in bits.
struct Field {
    name: u32,
    of: u32,
    offset: u32,
}

impl Btf {
    /// The structs that were wanted, as BTF of their own, with an enum of these `values`.
    pub(in crate::tracer) fn excerpt(&self, added: &str, values: &[(String, u32)]) -> Vec<u8> {
        let mut excerpt = Excerpt { strings: vec![0], ..Excerpt::default() };
        excerpt.enumeration(added, values);
        for (_, &id) in self.named.iter().filter(|((kind, _), _)| *kind == Kind::Struct) {
            excerpt.structure(self, id);
        }
        excerpt.finish()
    }

    /// Behind names for a type: the type.
    fn resolve(&self, mut id: u32) -> Option<(u32, Type)> {
        for _ in 0..DEEPEST {
            let found = self.get(id)?;
            match found.kind {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    id = found.size_or_type
                }
                _ => return Some((id, found)),
            }
        }
        None
    }

    fn is_wanted(&self, id: u32) -> bool {
        self.named.iter().any(|((kind, _), &wanted)| wanted == id && *kind == Kind::Struct)
    }
}

impl Excerpt {
    /// The type of a field, unless the field is to be left out.
    fn field_type(&mut self, btf: &Btf, id: u32) -> Option<u32> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let of = self.type_of(btf, id);
        self.depth -= 1;
        of
    }

    fn type_of(&mut self, btf: &Btf, id: u32) -> Option<u32> {
        let (id, found) = btf.resolve(id)?;
        match found.kind {
            Kind::Ptr => Some(self.pointer()),
            Kind::Int | Kind::Enum | Kind::Enum64 => self.copy(btf, id),
            Kind::Array => self.array(btf, &found),
            // Those without a name are named by a typedef: kuid_t, atomic_t.
            Kind::Struct if found.name == 0 || btf.is_wanted(id) => self.structure(btf, id),
            _ => None,
        }
    }

    fn structure(&mut self, btf: &Btf, id: u32) -> Option<u32> {
        if let Some(&written) = self.written.get(&id) {
            return Some(written);
        }
        let found = btf.get(id)?;
        let mut fields = Vec::new();
        self.collect(btf, &found, 0, &mut fields)?;
        let name = self.string(btf.name(found.name));
        let here = self.begin(name, Kind::Struct, fields.len(), found.size_or_type);
        for Field { name, of, offset } in fields {
            let name = self.string(btf.name(name));
            self.put(&[name, of, offset]);
        }
        self.written.insert(id, here);
        Some(here)
    }

    /// The fields of a struct or union that begins at `base`, in bits.
    fn collect(&mut self, btf: &Btf, found: &Type, base: u32, fields: &mut Vec<Field>) -> Option<()> {
        for at in (0..found.count).map(|nth| found.tail + 12 * nth) {
            let (name, of, offset) = (u32_at(&btf.data, at)?, u32_at(&btf.data, at + 4)?, u32_at(&btf.data, at + 8)?);
            // Where there are bit fields, their sizes are above their offsets.
            let (bits, offset) = if found.bit_fields { (offset >> 24, offset & 0x00ff_ffff) } else { (0, offset) };
            if bits != 0 {
                continue;
            }
            let offset = base.checked_add(offset)?;
            if name != 0 {
                if let Some(of) = self.field_type(btf, of) {
                    fields.push(Field { name, of, offset });
                }
            } else if let Some((_, inner)) = btf.resolve(of)
                && matches!(inner.kind, Kind::Struct | Kind::Union)
                && self.depth < DEEPEST
            {
                self.depth += 1;
                let collected = self.collect(btf, &inner, offset, fields);
                self.depth -= 1;
                collected?;
            }
        }
        Some(())
    }

    fn array(&mut self, btf: &Btf, found: &Type) -> Option<u32> {
        let [of, index, count] = [0, 4, 8].map(|field| u32_at(&btf.data, found.tail + field));
        let of = self.field_type(btf, of?)?;
        let index = self.field_type(btf, index?)?;
        let here = self.begin(0, Kind::Array, 0, 0);
        self.put(&[of, index, count?]);
        Some(here)
    }

    fn pointer(&mut self) -> u32 {
        if let Some(pointer) = self.pointer {
            return pointer;
        }
        let pointer = self.begin(0, Kind::Ptr, 0, 0);
        *self.pointer.insert(pointer)
    }

    /// An integer, or an enum with its values.
    fn copy(&mut self, btf: &Btf, id: u32) -> Option<u32> {
        if let Some(&written) = self.written.get(&id) {
            return Some(written);
        }
        let found = btf.get(id)?;
        let name = self.string(btf.name(found.name));
        let here = self.begin(name, found.kind, found.count, found.size_or_type);
        let words = found.kind.tail(found.count) / 4;
        let stride = words / found.count.max(1);
        for nth in 0..words {
            let word = u32_at(&btf.data, found.tail + 4 * nth)?;
            // Each value of an enum begins with its name.
            let named = found.kind != Kind::Int && nth.is_multiple_of(stride);
            let word = if named { self.string(btf.name(word)) } else { word };
            self.put(&[word]);
        }
        self.written.insert(id, here);
        Some(here)
    }

    fn enumeration(&mut self, name: &str, values: &[(String, u32)]) {
        let name = self.string(name.as_bytes());
        self.begin(name, Kind::Enum, values.len(), size_of::<u32>() as u32);
        for (name, value) in values {
            let name = self.string(name.as_bytes());
            self.put(&[name, *value]);
        }
    }

    /// Begins a type, and returns its id.
    fn begin(&mut self, name: u32, kind: Kind, count: usize, size_or_type: u32) -> u32 {
        self.put(&[name, (kind as u32) << 24 | count as u32, size_or_type]);
        self.count += 1;
        self.count
    }

    fn put(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    fn string(&mut self, text: &[u8]) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len();
        self.strings.extend_from_slice(text);
        self.strings.push(0);
        at as u32
    }

    fn finish(self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut out = Vec::with_capacity(HEADER + self.types.len() + self.strings.len());
        out.extend(MAGIC.to_ne_bytes());
        out.extend([1, 0]); // Version and flags.
        for word in [HEADER as u32, 0, types, types, strings] {
            out.extend(word.to_ne_bytes());
        }
        out.extend(self.types);
        out.extend(self.strings);
        out
    }
}

const _: () = assert!(COMMON == 3 * size_of::<u32>());
