//! Programs of a few instructions, so that an exec opens exactly what it is told to and the program opens nothing.

/// Exit status of a program that was started without its interpreter. No errno is that high.
pub const PROGRAM: u8 = 201;
/// Exit status where the interpreter was started in the program's place.
pub const INTERPRETER: u8 = 202;

const HEADER: u64 = 64;
const SEGMENT: u64 = 56;

const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
/// Writable, because kernels before 6.6 clear the rest of an interpreter's last page.
const READ_WRITE_EXECUTE: u32 = 7;
/// The largest page of any architecture here.
const ALIGN: u64 = 0x1_0000;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

/// exit(status)
#[cfg(target_arch = "x86_64")]
fn code(status: u8) -> Vec<u8> {
    // mov edi, status; mov eax, 60; syscall
    vec![0xbf, status, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]
}

/// exit(status)
#[cfg(target_arch = "aarch64")]
fn code(status: u8) -> Vec<u8> {
    // movz x0, #status; movz x8, #93; svc #0
    [0xd280_0000 | u32::from(status) << 5, 0xd280_0008 | 93 << 5, 0xd400_0001]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

/// An executable that ends with `status`, started through `interpreter` if there is one.
pub fn program(status: u8, interpreter: Option<&[u8]>) -> Vec<u8> {
    let interpreter = interpreter.map(|path| [path, b"\0"].concat());
    let segments = 1 + interpreter.iter().count() as u64;
    let code_at = HEADER + segments * SEGMENT;
    let code = code(status);
    let path_at = code_at + code.len() as u64;
    let path_len = interpreter.as_ref().map_or(0, |path| path.len() as u64);
    let mut file = header(code_at, segments as u16);
    if interpreter.is_some() {
        file.extend(segment(PT_INTERP, path_at, path_len));
    }
    file.extend(segment(PT_LOAD, 0, path_at + path_len));
    file.extend(code);
    file.extend(interpreter.unwrap_or_default());
    file
}

fn header(entry: u64, segments: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(ET_DYN.to_le_bytes());
    bytes.extend(MACHINE.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for place in [entry, HEADER, 0] {
        bytes.extend(place.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for size in [HEADER as u16, SEGMENT as u16, segments, 0, 0, 0] {
        bytes.extend(size.to_le_bytes());
    }
    bytes
}

/// A segment that is loaded where it lies in the file.
fn segment(kind: u32, at: u64, len: u64) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(READ_WRITE_EXECUTE.to_le_bytes());
    for word in [at, at, at, len, len, ALIGN] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}
