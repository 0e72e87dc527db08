//! Compiles the BPF side and generates its Rust skeleton, into OUT_DIR.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use libbpf_cargo::SkeletonBuilder;

/// Each makes an object: opens, and what is loaded for look-ups alone.
const OBJECTS: [&str; 2] = ["opentop", "lookups"];

/// What the build needs besides Rust, as the distributions call it. libbpf's own build, which is before this one, needs
/// libelf and zlib, and says less.
const PACKAGES: &str = "
    apt install clang libelf-dev zlib1g-dev pkg-config make gcc
    dnf install clang elfutils-libelf-devel zlib-devel pkgconf make gcc
    pacman -S clang libelf zlib pkgconf make gcc
    zypper install clang libelf-devel zlib-devel pkgconf make gcc
    apk add clang libelf-dev elfutils-dev zlib-dev pkgconf make gcc linux-headers";

fn main() {
    println!("cargo:rerun-if-changed=src/bpf");
    println!("cargo:rerun-if-env-changed=CLANG");
    if let Err(why) = build() {
        // Clear lines instead of a backtrace; cargo shows them as the reason.
        why.lines().for_each(|line| println!("cargo::error={line}"));
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    if Command::new(&clang).arg("--version").output().is_err() {
        return Err(format!(
            "cannot run `{clang}`, which compiles the BPF side. Install what opentop is built with, or set CLANG to \
             its path: {PACKAGES}"
        ));
    }
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|e| format!("OUT_DIR: {e}"))?);
    // The object tells which line each instruction is of, whatever the directory that it was built in is called.
    let here = env::current_dir().map_err(|e| format!("the current directory: {e}"))?;
    let headers = out.ancestors().nth(2).ok_or("OUT_DIR is not below a target directory")?.to_owned();
    let named = |from: PathBuf, to: &str| format!("-fdebug-prefix-map={}={to}", from.display());
    let (sources, headers) = (named(here, "."), named(headers, "build"));
    OBJECTS.into_iter().try_for_each(|object| {
        let source = format!("src/bpf/{object}.bpf.c");
        let skeleton = out.join(format!("{object}.skel.rs"));
        let object = out.join(format!("{object}.o"));
        SkeletonBuilder::new()
            .source(&source)
            .obj(&object)
            .clang(&clang)
            .clang_args(["-mcpu=v2", "-Wall", "-Werror", "-Wno-address-of-packed-member", &sources, &headers])
            .build_and_generate(&skeleton)
            .map_err(|e| format!("{source} does not compile: {e:#}"))?;
        compress(&object, &skeleton).map_err(|why| format!("{}: {why}", skeleton.display()))
    })
}

/// Has the skeleton keep its object compressed: a ninth of it, most of which are the lines and types that the verifier
/// names.
fn compress(object: &Path, skeleton: &Path) -> io::Result<()> {
    let packed = object.with_extension("o.zst");
    fs::write(&packed, zstd::encode_all(&*fs::read(object)?, 19)?)?;
    let text = fs::read_to_string(skeleton)?;
    let (code, _object) = text
        .rsplit_once("#[unsafe(link_section = \".bpf.objs\")]")
        .ok_or_else(|| io::Error::other("libbpf-cargo ends its skeletons in another way than is known here"))?;
    let packed = packed.display();
    let object =
        format!("LazyLock<Vec<u8>> = LazyLock::new(|| crate::bpf::unpack(include_bytes!({:?})))", packed.to_string());
    fs::write(skeleton, format!("{code}use std::sync::LazyLock;\nstatic DATA: {object};\n}}\n"))
}
