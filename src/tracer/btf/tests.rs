use super::{Btf, COMMON, Data, Kind, MAGIC, Wanted};

const WANTED: Wanted<'_> = Wanted { functions: &["do_open"], typedefs: &["btf_trace_open"], structs: &["task", "mm"] };

/// Types by hand: (name, kind, members, size or type, what follows).
struct Sample {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Sample {
    fn new() -> Self {
        Self { types: Vec::new(), strings: vec![0] }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        (self.strings.len() - text.len() - 1) as u32
    }

    fn put(mut self, name: &str, kind: Kind, info: u32, size_or_type: u32, tail: &[u32]) -> Self {
        let name = self.string(name);
        let head = [name, (kind as u32) << 24 | info, size_or_type];
        self.types.extend(head.iter().chain(tail).flat_map(|word| word.to_ne_bytes()));
        self
    }

    fn fields(&mut self, fields: &[(&str, u32, u32)]) -> Vec<u32> {
        fields.iter().flat_map(|&(name, of, offset)| [self.string(name), of, offset]).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend([24, 0, types, types, strings].iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(self.types.iter().chain(&self.strings));
        bytes
    }
}

/// 1 int, 2 pointer, 3 prototype of two parameters, 4 pointer to it, 5 its typedef, 6 function, 7 nameless union,
/// 8 mm, 9 struct that nobody wants, 10 task, 11 enum.
fn sample() -> Vec<u8> {
    let mut s = Sample::new();
    let inner = s.fields(&[("left", 1, 0), ("right", 2, 0)]);
    let mm = s.fields(&[("count", 1, 32)]);
    let other = s.fields(&[("x", 1, 0)]);
    let bits = 1 << 31;
    let task = s.fields(&[("pid", 1, 0), ("", 7, 64), ("flag", 1, 3 << 24 | 40), ("mm", 8, 128), ("other", 9, 192)]);
    let ways = [s.string("ONE"), 1, s.string("TWO"), 2];
    s.put("int", Kind::Int, 0, 4, &[0x0100_0020])
        .put("", Kind::Ptr, 0, 10, &[])
        .put("", Kind::FuncProto, 2, 0, &[0, 1, 0, 2])
        .put("", Kind::Ptr, 0, 3, &[])
        .put("btf_trace_open", Kind::Typedef, 0, 4, &[])
        .put("do_open", Kind::Func, 0, 3, &[])
        .put("", Kind::Union, 2, 8, &inner)
        .put("mm", Kind::Struct, 1, 8, &mm)
        .put("other", Kind::Struct, 1, 4, &other)
        .put("task", Kind::Struct, 5 | bits, 32, &task)
        .put("ways", Kind::Enum, 2, 4, &ways)
        .bytes()
}

fn parse(bytes: Vec<u8>) -> Option<Btf> {
    Btf::parse(Data::Read(bytes), &WANTED)
}

/// The fields of a struct: names and offsets in bits.
fn fields(btf: &Btf, name: &'static str) -> Vec<(String, u32)> {
    let found = btf.get(btf.struct_id(name).unwrap()).unwrap();
    let at = |nth: usize, word: usize| super::u32_at(&btf.data, found.tail + 12 * nth + 4 * word).unwrap();
    (0..found.count).map(|nth| (String::from_utf8_lossy(btf.name(at(nth, 0))).into(), at(nth, 2))).collect()
}

#[test]
fn wanted_types_are_found_by_name() {
    let btf = parse(sample()).unwrap();
    assert_eq!(btf.function_id("do_open"), Some(6));
    assert_eq!(btf.function_id("do_close"), None);
    assert_eq!(btf.pointer_to_function("btf_trace_open"), Some((5, 2)));
    assert_eq!((btf.struct_id("task"), btf.struct_id("mm"), btf.struct_id("other")), (Some(10), Some(8), None));
}

#[test]
fn an_excerpt_holds_what_is_wanted_at_its_offsets() {
    let whole = parse(sample()).unwrap();
    let excerpt = parse(whole.excerpt("ids", &[("TASK".to_owned(), 10)])).unwrap();
    let expected = [("pid", 0), ("left", 64), ("right", 64), ("mm", 128)].map(|(name, at)| (name.to_owned(), at));
    assert_eq!(fields(&excerpt, "task"), expected);
    assert_eq!(fields(&excerpt, "mm"), [("count".to_owned(), 32)]);
    assert_eq!(excerpt.function_id("do_open"), None);
    let enums = excerpt.places[1..].iter().filter_map(|at| excerpt.type_at(*at as usize));
    let enums: Vec<_> = enums.filter(|found| found.kind == Kind::Enum).collect();
    let [ids] = enums[..] else { panic!("{enums:?}") };
    assert_eq!(excerpt.name(ids.name), b"ids");
    let value = [0, 4].map(|word| super::u32_at(&excerpt.data, ids.tail + word).unwrap());
    assert_eq!((ids.count, excerpt.name(value[0]), value[1]), (1, &b"TASK"[..], 10));
}

#[test]
fn what_is_cut_short_or_garbled_is_no_type_information() {
    let bytes = sample();
    for length in 0..bytes.len() {
        // Strings that are missing make names empty; types that are missing make it unusable.
        if let Some(btf) = parse(bytes[..length].to_vec()) {
            let _ = btf.excerpt("ids", &[]);
        }
    }
    let mut state = 1u32;
    for _ in 0..2_000 {
        let mut garbled = bytes.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % garbled.len();
            garbled[at] = state as u8;
        }
        if let Some(btf) = parse(garbled) {
            let _ = (btf.excerpt("ids", &[]), btf.pointer_to_function("btf_trace_open"));
        }
    }
    assert!(parse(Vec::new()).is_none());
    assert!(parse(vec![0; 24]).is_none());
}

#[test]
fn the_running_kernel_describes_itself() {
    let wanted = Wanted { structs: &["task_struct", "mount", "kuid_t"], ..WANTED };
    let btf = Btf::of_kernel(&wanted).unwrap();
    let excerpt = Btf::parse(Data::Read(btf.excerpt("ids", &[])), &wanted).unwrap();
    for (of, field) in [("task_struct", "tgid"), ("task_struct", "comm"), ("mount", "mnt_parent")] {
        let (whole, part) = (fields(&btf, of), fields(&excerpt, of));
        let offset = |fields: &[(String, u32)]| fields.iter().find(|(name, _)| name == field).map(|(_, at)| *at);
        assert!(offset(&part).is_some(), "{of}.{field}");
        if let Some(there) = offset(&whole) {
            assert_eq!(offset(&part).map(|at| at & 0x00ff_ffff), Some(there & 0x00ff_ffff), "{of}.{field}");
        }
    }
    assert_eq!(COMMON, 12);
}
