//! Writes what is generated below `assets/` and in the documents: `cargo run --example assets`.

mod generate;

fn main() -> std::io::Result<()> {
    for (name, content) in generate::files() {
        std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name), content)?;
    }
    Ok(())
}
