/**
 * Makes pictures small enough for one event: a data channel takes 262,144 bytes and no more.
 */

/** Pixels of the longer side: models see no more than that. */
const LARGEST = 1568;
/** Bytes of an event beside the picture's own: text, ids, names of fields. */
const BESIDE = 16384;
const QUALITIES = [0.86, 0.7, 0.5];

/** It is no picture that the browser can read. */
export class NoPicture extends Error {}

/**
 * @param {Blob} file
 * @param {number} limit Bytes that the event may have.
 * @returns {Promise<string>} A data URL.
 * @throws {NoPicture}
 */
export async function dataUrl(file, limit) {
  const bitmap = await createImageBitmap(file).catch((error) => {
    throw new NoPicture(String(error));
  });
  const room = limit - BESIDE;
  const small = Math.max(bitmap.width, bitmap.height) <= LARGEST;
  // What a model takes, and what is small enough, stays as it is.
  if (
    small &&
    /^image\/(png|jpeg|webp)$/.test(file.type) &&
    file.size * 1.4 < Math.min(room, 1e6)
  ) {
    return read(file);
  }
  for (let side = LARGEST; side >= 64; side /= 1.5) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    for (const quality of QUALITIES) {
      const url = await read(await drawn(bitmap, scale, quality));
      if (url.length < room) return url;
    }
  }
  throw new NoPicture("too large");
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} scale
 * @param {number} quality
 */
async function drawn(bitmap, scale, quality) {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new NoPicture("no canvas");
  // JPEG has no transparency: white is what a page would show behind it.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
function read(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new NoPicture(String(reader.error)));
    reader.readAsDataURL(blob);
  });
}
