//! QR codes as pictures.

use qrcode::{Color, QrCode};
use service_api::ServiceError;

/// How many dots wide and high a module is.
const SCALE: usize = 4;
/// How many modules are left white at each side, as the standard asks.
const QUIET: usize = 4;
const WHITE: u8 = 255;
const BLACK: u8 = 0;

/// The picture of a text, as PNG.
///
/// # Errors
/// When the text has more characters than a QR code holds.
pub(crate) fn png(text: &str) -> Result<Vec<u8>, ServiceError> {
    let code = QrCode::new(text).map_err(|error| ServiceError::internal(format!("no QR code: {error}")))?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let mut dots = vec![WHITE; side * side];
    for (index, dot) in dots.iter_mut().enumerate() {
        let module = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|at| *at < modules);
        if let (Some(x), Some(y)) = (module(index % side), module(index / side))
            && code[(x, y)] == Color::Dark
        {
            *dot = BLACK;
        }
    }
    let side = u32::try_from(side).expect("the largest code has 177 modules");
    let failed = |error: png::EncodingError| ServiceError::internal(format!("no picture: {error}"));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&dots).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
