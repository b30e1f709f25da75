//! Bundles the watch page and embeds it. A fresh `web/dist` is used as it is; else npm makes
//! it, so that a plain `cargo build` works on a fresh clone.
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-env-changed=VESSEL_REVISION");
    for input in [
        "src",
        "build.mjs",
        "package.json",
        "package-lock.json",
        "dist/inputs",
    ] {
        println!("cargo:rerun-if-changed={}", web.join(input).display());
    }
    if stamp(&web.join("dist/inputs")) != Some(inputs(&web)?) {
        bundle(&web)?;
    }
    embed(&web.join("dist"), &out)
}

fn stamp(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Every input with its content, so that a checkout with other times is no other input.
fn inputs(web: &Path) -> Outcome<String> {
    let mut files = vec![
        "build.mjs".into(),
        "package-lock.json".into(),
        "package.json".into(),
    ];
    for entry in fs::read_dir(web.join("src"))? {
        files.push(Path::new("src").join(entry?.file_name()));
    }
    files.sort();
    let mut stamp = String::new();
    for file in files {
        let content = fs::read(web.join(&file))?;
        writeln!(stamp, "{} {:016x}", file.display(), fingerprint(&content))?;
    }
    Ok(stamp)
}

/// FNV-1a: enough to see that a file has changed.
fn fingerprint(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bundle(web: &Path) -> Outcome<()> {
    npm(web, &["ci", "--omit=dev", "--no-audit", "--no-fund"])?;
    npm(web, &["run", "build"])?;
    fs::write(web.join("dist/inputs"), inputs(web)?)?;
    Ok(())
}

fn npm(web: &Path, args: &[&str]) -> Outcome<()> {
    let output = Command::new("npm")
        .args(args)
        .current_dir(web)
        .output()
        .map_err(|error| {
            format!(
                "npm can't be run ({error}): install Node.js 20 or later to bundle the watch page"
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "npm {} failed in {}:\n{said}",
        args.join(" "),
        web.display()
    )
    .into())
}

/// Writes `assets.rs`: each file of `dist`, plain and in gzip, under the name that carries its
/// digest.
fn embed(dist: &Path, out: &Path) -> Outcome<()> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dist)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(kind) = content_type(&name) {
            files.insert(name, kind);
        }
    }
    let mut code = format!("static ASSETS: [Asset; {}] = [\n", files.len());
    for (file, kind) in &files {
        let plain = fs::read(dist.join(file))?;
        fs::write(out.join(file), &plain)?;
        fs::write(out.join(format!("{file}.gz")), gzip(&plain)?)?;
        writeln!(
            code,
            "Asset {{ file: {file:?}, content_type: {kind:?}, \
             plain: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")), \
             packed: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}.gz\")) }},"
        )?;
    }
    code.push_str("];\n");
    for (constant, name) in [
        ("SCRIPT", "player-"),
        ("STYLE", "style-"),
        ("ICON", "icon-"),
    ] {
        let file = files.keys().find(|file| file.starts_with(name));
        let file = file.ok_or_else(|| format!("{} holds no {name}…", dist.display()))?;
        writeln!(
            code,
            "/// Its name.\npub const {constant}: &str = {file:?};"
        )?;
    }
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

fn content_type(file: &str) -> Option<&'static str> {
    match file.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn gzip(content: &[u8]) -> Outcome<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}
