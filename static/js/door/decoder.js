// Reads QR codes: with the browser's own detector where it has one, else with our zxing-wasm.

// A code that a visitor holds up fills a good part of the frame; more pixels only cost time.
const LONGEST_SIDE = 960
const OPTIONS = {formats: ['QRCode'], maxNumberOfSymbols: 4, textMode: 'Plain'}

/**
 * `{kind, read}`: `read(video or canvas)` resolves with the texts of the codes in it, mostly none,
 * and never rejects. `kind` is `native`, `wasm`, or `none` where nothing here can read codes.
 */
export async function makeDecoder() {
  return (await native()) ?? (await wasm()) ?? {kind: 'none', read: async () => []}
}

async function native() {
  try {
    const formats = await BarcodeDetector.getSupportedFormats()
    if (!formats.includes('qr_code')) return null
    const detector = new BarcodeDetector({formats: ['qr_code']})
    // Some devices have the class but not the service behind it, which only a try shows.
    await detector.detect(blank())
    return reader('native', async source => {
      const found = await detector.detect(source)
      return found.map(code => code.rawValue)
    })
  } catch {
    return null
  }
}

async function wasm() {
  const address = document.querySelector('meta[name="door-decoder"]')?.content
  if (!address) return null
  try {
    const zxing = await import('../../vendor/zxing-wasm/reader/index.js')
    await zxing.prepareZXingModule({
      overrides: {locateFile: () => address},
      fireImmediately: true
    })
    const canvas = document.createElement('canvas')
    const pen = canvas.getContext('2d', {willReadFrequently: true})
    return reader('wasm', async (source, width, height) => {
      const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height))
      canvas.width = Math.round(width * scale)
      canvas.height = Math.round(height * scale)
      pen.drawImage(source, 0, 0, canvas.width, canvas.height)
      const image = pen.getImageData(0, 0, canvas.width, canvas.height)
      return (await zxing.readBarcodes(image, OPTIONS)).map(code => code.text)
    })
  } catch {
    // WebAssembly is off, as in the lockdown mode of iPhones.
    return null
  }
}

function reader(kind, detect) {
  return {
    kind,
    async read(source) {
      const width = source.videoWidth ?? source.width
      const height = source.videoHeight ?? source.height
      // A video has no size before its first frame.
      if (!width || !height) return []
      try {
        return await detect(source, width, height)
      } catch {
        // A frame that cannot be read; the next one comes at once.
        return []
      }
    }
  }
}

function blank() {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 16
  canvas.getContext('2d').fillRect(0, 0, 16, 16)
  return canvas
}
