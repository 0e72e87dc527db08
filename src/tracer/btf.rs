//! The kernel's type information (BTF): what opentop needs of it, found in one pass.
//!
//! libbpf looks each name up from the start, in some 150,000 types, for every hook and for every struct that a program
//! reads. That takes a tenth of a second, which is most of the start. So the few types are picked out here, and libbpf
//! is given a description of the kernel that holds nothing else. The format is that of
//! `Documentation/bpf/btf.rst` in the kernel's sources.

mod excerpt;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::CStr;

/// Where the kernel shows its types.
pub const PATH: &str = "/sys/kernel/btf/vmlinux";

/// Kinds of types, as `uapi/linux/btf.h` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Int = 1,
    Ptr = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Fwd = 7,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    Func = 12,
    FuncProto = 13,
    Var = 14,
    Datasec = 15,
    Float = 16,
    DeclTag = 17,
    TypeTag = 18,
    Enum64 = 19,
}

impl Kind {
    const ALL: [Kind; 19] = [
        Kind::Int,
        Kind::Ptr,
        Kind::Array,
        Kind::Struct,
        Kind::Union,
        Kind::Enum,
        Kind::Fwd,
        Kind::Typedef,
        Kind::Volatile,
        Kind::Const,
        Kind::Restrict,
        Kind::Func,
        Kind::FuncProto,
        Kind::Var,
        Kind::Datasec,
        Kind::Float,
        Kind::DeclTag,
        Kind::TypeTag,
        Kind::Enum64,
    ];

    /// Bytes behind the common part of a type with `count` members.
    fn tail(self, count: usize) -> usize {
        match self {
            Kind::Int | Kind::Var | Kind::DeclTag => 4,
            Kind::Array => 12,
            Kind::Struct | Kind::Union | Kind::Datasec | Kind::Enum64 => 12 * count,
            Kind::Enum | Kind::FuncProto => 8 * count,
            _ => 0,
        }
    }
}

/// One type: its common part, and where the part that depends on its kind begins.
#[derive(Clone, Copy, Debug)]
struct Type {
    kind: Kind,
    name: u32,
    count: usize,
    /// The members' offsets carry the sizes of bit fields.
    bit_fields: bool,
    /// Its size in bytes, or the type that it refers to.
    size_or_type: u32,
    tail: usize,
}

/// Types by their names, and by their ids.
#[derive(Debug)]
pub(super) struct Btf {
    data: Data,
    strings: usize,
    /// Where each type begins; type 0 is `void`, which has no place.
    places: Vec<u32>,
    named: HashMap<(Kind, &'static str), u32>,
}

/// Named types that are looked for.
pub(super) struct Wanted<'a> {
    pub(super) functions: &'a [&'static str],
    pub(super) typedefs: &'a [&'static str],
    pub(super) structs: &'a [&'static str],
}

/// The bytes. Since 6.16 they can be mapped, which spares copying five million of them.
#[derive(Debug)]
enum Data {
    Mapped(memmap2::Mmap),
    Read(Vec<u8>),
}

impl Data {
    fn open(path: &str) -> std::io::Result<Self> {
        let file = std::fs::File::open(path)?;
        // SAFETY: the kernel's types do not change while it runs.
        unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }
            .map(Data::Mapped)
            .or_else(|_| Ok(Data::Read(std::fs::read(path)?)))
    }
}

impl std::ops::Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Data::Mapped(bytes) => bytes,
            Data::Read(bytes) => bytes,
        }
    }
}

const COMMON: usize = 12;
const MAGIC: u16 = 0xeb9f;

impl Btf {
    /// Reads the types of the running kernel.
    ///
    /// # Errors
    /// If there are none, or they are not in the format that is known.
    pub(super) fn of_kernel(wanted: &Wanted<'_>) -> Result<Self, String> {
        let data = Data::open(PATH).map_err(|why| format!("{PATH}: {why}"))?;
        Self::parse(data, wanted).ok_or_else(|| format!("{PATH}: not in the format that opentop knows"))
    }

    fn parse(data: Data, wanted: &Wanted<'_>) -> Option<Self> {
        let header = |field| u32_at(&data, field).map(|value| value as usize);
        if data.get(..2)? != MAGIC.to_ne_bytes() {
            return None;
        }
        let types = header(4)?.checked_add(header(8)?)?;
        let end = types.checked_add(header(12)?)?;
        let strings = header(4)?.checked_add(header(16)?)?;
        let mut btf = Self { data, strings, places: vec![0], named: HashMap::new() };
        let names = Names::new(wanted);
        let mut at = types;
        while at < end {
            let found = btf.type_at(at)?;
            if let Some(by_length) = names.of(found.kind)
                && let name = btf.name(found.name)
                && let Some(name) =
                    by_length.get(name.len()).and_then(|same| same.iter().find(|n| n.as_bytes() == name))
            {
                btf.named.entry((found.kind, *name)).or_insert(btf.places.len() as u32);
            }
            btf.places.push(at as u32);
            at = found.tail + found.kind.tail(found.count);
        }
        (at == end && end <= btf.data.len()).then_some(btf)
    }

    pub(super) fn function_id(&self, name: &'static str) -> Option<u32> {
        self.named.get(&(Kind::Func, name)).copied()
    }

    pub(super) fn struct_id(&self, name: &'static str) -> Option<u32> {
        self.named.get(&(Kind::Struct, name)).copied()
    }

    /// The id of the typedef `name`, and how many parameters the functions have that it is a pointer to.
    pub(super) fn pointer_to_function(&self, name: &'static str) -> Option<(u32, u32)> {
        let id = *self.named.get(&(Kind::Typedef, name))?;
        let pointer = self.get(self.get(id)?.size_or_type)?;
        let function = self.get(pointer.size_or_type)?;
        (function.kind == Kind::FuncProto).then_some((id, function.count as u32))
    }

    fn get(&self, id: u32) -> Option<Type> {
        self.type_at(*self.places.get(id as usize).filter(|_| id != 0)? as usize)
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let info = u32_at(&self.data, at + 4)?;
        Some(Type {
            kind: *Kind::ALL.get(((info >> 24 & 0x1f) as usize).checked_sub(1)?)?,
            name: u32_at(&self.data, at)?,
            count: (info & 0xffff) as usize,
            bit_fields: info >> 31 != 0,
            size_or_type: u32_at(&self.data, at + 8)?,
            tail: at + COMMON,
        })
    }

    /// A string by its offset; empty where there is none.
    fn name(&self, offset: u32) -> &[u8] {
        let rest = self.data.get(self.strings + offset as usize..).unwrap_or_default();
        CStr::from_bytes_until_nul(rest).map(CStr::to_bytes).unwrap_or_default()
    }
}

/// The wanted names by kind and length: most names are of another length than all of them.
struct Names([(Kind, Vec<Vec<&'static str>>); 3]);

impl Names {
    fn new(wanted: &Wanted<'_>) -> Self {
        let kinds = [(Kind::Func, wanted.functions), (Kind::Typedef, wanted.typedefs), (Kind::Struct, wanted.structs)];
        Self(kinds.map(|(kind, names)| {
            let longest = names.iter().map(|name| name.len()).max().unwrap_or(0);
            let mut by_length = vec![Vec::new(); longest + 1];
            names.iter().for_each(|name| by_length[name.len()].push(*name));
            (kind, by_length)
        }))
    }

    fn of(&self, kind: Kind) -> Option<&[Vec<&'static str>]> {
        self.0.iter().find(|(of, _)| *of == kind).map(|(_, names)| names.as_slice())
    }
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
