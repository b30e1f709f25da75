//! Sources that no muxer would write: cut, damaged, joined, or with something before or behind.
use crate::check::made;
use std::path::Path;

/// Bytes that look random and are the same each time.
pub fn noise(length: u32) -> Vec<u8> {
    let words = (0..length / 4).map(|number| number.wrapping_mul(2_654_435_761));
    words.flat_map(u32::to_le_bytes).collect()
}

fn first_half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

pub fn half_mp3_without_xing(folder: &Path) -> Vec<u8> {
    first_half(made(folder, "a.mp3", "TONE -c:a libmp3lame -write_xing 0"))
}

pub fn flipped_mp3(folder: &Path) -> Vec<u8> {
    let arguments =
        "-f lavfi -i anoisesrc=r=44100:d=30:a=0.3:seed=1 -ac 2 -c:a libmp3lame -b:a 128k";
    let mut source = made(folder, "a.mp3", arguments);
    let length = source.len();
    for number in 1..=60 {
        source[4000 + number * 40_503 % (length - 8000)] ^= 1 << (number % 8);
    }
    source
}

pub fn two_sizes(folder: &Path) -> Vec<u8> {
    let part = |name: &str, size: &str| {
        let arguments = format!(
            "-f lavfi -i testsrc2=s={size}:r=25:d=4 -f lavfi -i sine=440:r=48000:d=4 -ac 2 X264 -c:a aac"
        );
        made(folder, name, &arguments)
    };
    [part("a.ts", "320x180"), part("b.ts", "640x360")].concat()
}

pub fn subtitled(folder: &Path) -> Vec<u8> {
    let text = "1\n00:00:00,000 --> 00:00:01,000\nHi\n";
    std::fs::write(folder.join("s.srt"), text).unwrap();
    made(folder, "a.mkv", "FILM -i s.srt -map 0 -map 1 X264 -c:s srt")
}

pub fn cut_flac(folder: &Path) -> Vec<u8> {
    let noise = "-f lavfi -i anoisesrc=r=44100:d=60:a=0.5 -ac 2";
    made(folder, "a.flac", noise)[..400_000].to_vec()
}

pub fn half_of_fast(folder: &Path) -> Vec<u8> {
    first_half(made(folder, "a.m4a", "TONE -c:a aac -movflags faststart"))
}

pub fn half_of_slow(folder: &Path) -> Vec<u8> {
    first_half(made(folder, "a.m4a", "TONE -c:a aac"))
}

pub fn half_of_film(folder: &Path) -> Vec<u8> {
    let film = "-f lavfi -i testsrc2=s=320x180:r=25:d=4 X264 -movflags faststart";
    first_half(made(folder, "a.mp4", film))
}

/// A table of the cyclic redundancy codes of all bytes, most significant bit first.
fn crc_table(bits: u32, polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    for (byte, code) in (0_u32..).zip(&mut table) {
        *code = byte << (bits - 8);
        for _ in 0..8 {
            let carry = *code >> (bits - 1) & 1;
            *code = ((*code << 1) ^ (carry * polynomial)) & ((1 << bits) - 1);
        }
    }
    table
}

fn crc(table: &[u32; 256], bits: u32, bytes: &[u8]) -> u32 {
    let step = |code: u32, &byte: &u8| {
        let place = (code >> (bits - 8) ^ u32::from(byte)) & 0xff;
        (code << 8 ^ table[place as usize]) & ((1 << bits) - 1)
    };
    bytes.iter().fold(0, step)
}

/// 24 hours of silence at 48 kHz in mono, RFC 9639: every frame a constant.
pub fn day_of_silence(_: &Path) -> Vec<u8> {
    const BLOCK: u32 = 4608;
    const SAMPLES: u32 = 86_400 * 48_000;
    let (crc8, crc16) = (crc_table(8, 0x07), crc_table(16, 0x8005));
    let mut flac = b"fLaC\x80\x00\x00\x22\x12\x00\x12\x00".to_vec();
    flac.extend([0; 6]);
    // 20 bits of rate, 3 of channels, 5 of depth, each less one but the rate; 4 of the samples.
    flac.extend((48_000_u32 << 12 | 15 << 4).to_be_bytes());
    flac.extend(SAMPLES.to_be_bytes());
    flac.extend([0; 16]);
    for number in 0..SAMPLES / BLOCK {
        let begin = flac.len();
        flac.extend([0xff, 0xf8, 0x5a, 0x08]);
        flac.extend(char::from_u32(number).map_or_else(
            || surrogate(number).to_vec(),
            |number| number.to_string().into_bytes(),
        ));
        flac.push(u8::try_from(crc(&crc8, 8, &flac[begin..])).unwrap());
        flac.extend([0, 0, 0]);
        let code = u16::try_from(crc(&crc16, 16, &flac[begin..])).unwrap();
        flac.extend(code.to_be_bytes());
    }
    flac
}

/// UTF-8 as FLAC extends it to numbers that are no characters.
fn surrogate(number: u32) -> [u8; 3] {
    let part = |shift: u32| 0x80 | u8::try_from(number >> shift & 0x3f).unwrap();
    [0xe0 | u8::try_from(number >> 12).unwrap(), part(6), part(0)]
}

/// An audiobook: a track of text carries the chapters.
pub fn chapters(folder: &Path) -> Vec<u8> {
    let chapter = |number: u32| {
        let begin = number * 1000;
        format!(
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART={begin}\nEND={}\ntitle={number}\n",
            begin + 1000
        )
    };
    let text = format!(";FFMETADATA1\n{}{}", chapter(0), chapter(1));
    std::fs::write(folder.join("chapters.txt"), text).unwrap();
    made(
        folder,
        "a.m4a",
        "SINE -i chapters.txt -map_metadata 1 -c:a aac",
    )
}

fn patched(mut bytes: Vec<u8>, marker: &[u8], offset: usize, patch: &[u8]) -> Vec<u8> {
    let place = bytes.windows(marker.len()).position(|part| part == marker);
    let place = place.expect("the marker is there") + offset;
    bytes[place..place + patch.len()].copy_from_slice(patch);
    bytes
}

pub fn open_wav(folder: &Path) -> Vec<u8> {
    let wav = patched(made(folder, "a.wav", "SINE"), b"RIFF", 4, &[0xff; 4]);
    patched(wav, b"data", 4, &[0xff; 4])
}

pub fn wav_with_tail(folder: &Path) -> Vec<u8> {
    let mut wav = made(folder, "a.wav", "SINE");
    wav.extend(b"id3 \x10\x00\x00\x00");
    wav.extend([0; 16]);
    wav
}

/// An ID3v2.3 tag with one private frame of so many bytes.
fn id3(length: u32) -> Vec<u8> {
    let size = length + 10;
    let seven = |shift: u32| u8::try_from(size >> shift & 0x7f).unwrap();
    let mut tag = b"ID3\x03\x00\x00".to_vec();
    tag.extend([seven(21), seven(14), seven(7), seven(0)]);
    tag.extend(b"PRIV");
    tag.extend(length.to_be_bytes());
    tag.extend([0, 0]);
    tag.extend(noise(length));
    tag
}

fn short_mp3(folder: &Path) -> Vec<u8> {
    made(folder, "a.mp3", "SINE -c:a libmp3lame -id3v2_version 0")
}

pub fn mp3_with_large_tag(folder: &Path) -> Vec<u8> {
    [id3(1 << 20), short_mp3(folder)].concat()
}

/// APEv2, with a header and a footer of 32 bytes and one item.
pub fn mp3_with_ape_tag(folder: &Path) -> Vec<u8> {
    let item = b"\x01\x00\x00\x00\x00\x00\x00\x00Title\x00a";
    let size = u32::try_from(item.len() + 32).unwrap();
    let ends = |flags: u32| {
        let words = [2000, size, 1, flags, 0, 0].map(u32::to_le_bytes).concat();
        [b"APETAGEX".to_vec(), words].concat()
    };
    [
        short_mp3(folder),
        ends(0xa000_0000),
        item.to_vec(),
        ends(0x8000_0000),
    ]
    .concat()
}

pub fn mp3_behind_garbage(folder: &Path) -> Vec<u8> {
    let mp3 = made(
        folder,
        "a.mp3",
        "SINE -c:a libmp3lame -id3v2_version 0 -write_xing 0",
    );
    [vec![0x55; 3000], mp3].concat()
}

pub fn broken_cover(folder: &Path) -> Vec<u8> {
    made(
        folder,
        "cover.png",
        "-f lavfi -i testsrc2=s=64x64:d=1 -frames:v 1",
    );
    let arguments =
        "SINE -i cover.png -map 0 -map 1 -disposition:v attached_pic -c:a libmp3lame -c:v copy";
    let mp3 = made(folder, "a.mp3", arguments);
    patched(mp3, b"IDAT", 4, &[0x55; 400])
}

fn short_flac(folder: &Path) -> Vec<u8> {
    made(folder, "a.flac", "SINE")
}

/// STREAMINFO, RFC 9639 §8.2: the MD5 of the samples is at its end.
pub fn flac_wrong_md5(folder: &Path) -> Vec<u8> {
    patched(short_flac(folder), b"fLaC", 26, &[0x55; 16])
}

pub fn flac_without_total(folder: &Path) -> Vec<u8> {
    patched(short_flac(folder), b"fLaC", 22, &[0; 4])
}

pub fn flac_behind_id3(folder: &Path) -> Vec<u8> {
    [id3(2000), short_flac(folder)].concat()
}

fn twice(part: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    [part("sine=440:r=48000:d=1"), part("sine=880:r=48000:d=1")].concat()
}

pub fn chained_vorbis(folder: &Path) -> Vec<u8> {
    twice(|tone| {
        made(
            folder,
            "a.ogg",
            &format!("-f lavfi -i {tone} -c:a libvorbis"),
        )
    })
}

pub fn chained_opus(folder: &Path) -> Vec<u8> {
    twice(|tone| {
        made(
            folder,
            "a.opus",
            &format!("-f lavfi -i {tone} -c:a libopus"),
        )
    })
}

pub fn joined_mp3(folder: &Path) -> Vec<u8> {
    let part = "-f lavfi -i sine=440:r=48000:d=5 -c:a libmp3lame";
    made(folder, "a.mp3", part).repeat(2)
}

/// Damages one of so many ADTS frames, behind their headers.
fn broken_adts(folder: &Path, every: usize) -> Vec<u8> {
    let arguments = "-f lavfi -i anoisesrc=r=48000:d=30:a=0.3:seed=1 -ac 2 -c:a aac -b:a 128k";
    let mut adts = made(folder, "a.aac", arguments);
    let (mut place, mut number) = (0, 0);
    while place + 7 < adts.len() {
        let [high, middle, low] = [3, 4, 5].map(|offset| usize::from(adts[place + offset]));
        let length = (high & 3) << 11 | middle << 3 | low >> 5;
        number += 1;
        if number % every == 0 {
            adts[place + 9..place + length].fill(0xff);
        }
        place += length;
    }
    adts
}

pub fn adts_few_broken(folder: &Path) -> Vec<u8> {
    broken_adts(folder, 200)
}

pub fn adts_many_broken(folder: &Path) -> Vec<u8> {
    broken_adts(folder, 20)
}

/// The muxer's index and what points to it, made unknown.
pub fn avi_without_index(folder: &Path) -> Vec<u8> {
    let arguments = "FILM SINE -c:v mpeg4 -vtag XVID -c:a libmp3lame -write_xing 0";
    let avi = made(folder, "a.avi", arguments);
    patched(avi, b"idx1", 0, b"JUNK")
}

pub fn repeated_ts(folder: &Path) -> Vec<u8> {
    made(folder, "a.ts", "FILM SINE X264 -c:a aac").repeat(2)
}

/// A recording that begins between two tables: their packets of the first half are void.
pub fn ts_without_pat(folder: &Path) -> Vec<u8> {
    let mut ts = made(folder, "a.ts", "FILM SINE X264 -g 12 -c:a aac");
    let half = ts.len() / 2;
    for packet in ts[..half].chunks_exact_mut(188) {
        if packet[1].trailing_zeros() >= 5 && packet[2] == 0 {
            packet[1] |= 0x1f;
            packet[2] = 0xff;
        }
    }
    ts
}

/// Voids one of so many pictures of Motion JPEG: the beginning of its chunk.
fn broken_film(folder: &Path, every: usize) -> Vec<u8> {
    let film = "-f lavfi -i testsrc2=s=320x180:r=25:d=10 -c:v mjpeg";
    let mut film = made(folder, "a.avi", film);
    let is = |name: &'static [u8; 4]| film.windows(4).map(move |part| part == name);
    let index = is(b"idx1").position(|found| found).unwrap();
    let begins: Vec<usize> = is(b"00dc")
        .take(index)
        .enumerate()
        .filter_map(|(place, found)| found.then_some(place))
        .collect();
    for &begin in begins.iter().skip(every / 2).step_by(every) {
        film[begin + 8..begin + 1008].fill(0);
    }
    film
}

pub fn film_few_broken(folder: &Path) -> Vec<u8> {
    broken_film(folder, 125)
}

pub fn film_many_broken(folder: &Path) -> Vec<u8> {
    broken_film(folder, 10)
}

pub fn only_subtitles(folder: &Path) -> Vec<u8> {
    let text = "1\n00:00:00,000 --> 00:00:01,000\nHi\n";
    std::fs::write(folder.join("s.srt"), text).unwrap();
    made(folder, "a.mkv", "-i s.srt -c:s srt")
}

/// The data reference says `url ` without the flag that the media are in the same file.
pub fn external_reference(folder: &Path) -> Vec<u8> {
    let mp4 = made(folder, "a.m4a", "SINE -c:a aac");
    patched(mp4, b"url \0\0\0\x01", 0, b"alis\0\0\0\0")
}
