//! Extracts the two files that the docs page needs from the Swagger UI archive, without their source map references.

use std::{
    env,
    error::Error,
    fs,
    io::{Cursor, Read},
    path::PathBuf,
};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[expect(clippy::disallowed_methods, reason = "Cargo passes build scripts their settings this way")]
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo sets OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for file in ["swagger-ui.css", "swagger-ui-bundle.js"] {
        let packed = format!("/dist/{file}");
        let packed = archive.file_names().flatten().find(|name| name.ends_with(&packed)).ok_or(packed)?.into_owned();
        let mut text = String::new();
        archive.by_name(&packed)?.read_to_string(&mut text)?;
        let (without_map, _) = text.split_once("/*# sourceMappingURL=").unwrap_or((&text, ""));
        fs::write(folder.join(file), without_map)?;
    }
    Ok(())
}
