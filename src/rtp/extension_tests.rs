use super::*;
use crate::random::Random;

fn read(form: u16, contents: &[u8]) -> Vec<(u8, &[u8])> {
    Extensions::new(form, contents).collect()
}

#[test]
fn headers_of_one_byte() {
    let contents = [0x10, 0xAA, 0x00, 0x22, 1, 2, 3, 0x00];
    assert_eq!(read(0xBEDE, &contents), [(1, &[0xAA][..]), (2, &[1, 2, 3])]);
    // 15 ends them, and so does what is cut off.
    assert_eq!(read(0xBEDE, &[0x10, 7, 0xF0, 1, 0x20, 8]), [(1, &[7][..])]);
    assert_eq!(read(0xBEDE, &[0x10, 7, 0x23, 1, 2]), [(1, &[7][..])]);
    // The identifier 0 with a length is no extension.
    assert_eq!(read(0xBEDE, &[0x01, 9, 9, 0x10, 7]), [(1, &[7][..])]);
}

#[test]
fn headers_of_two_bytes() {
    let contents = [200, 0, 0, 1, 2, 5, 6, 0];
    for form in [0x1000, 0x100F] {
        assert_eq!(read(form, &contents), [(200, &[][..]), (1, &[5, 6])]);
    }
    assert_eq!(read(0x1000, &[1, 3, 5, 6]), []);
    assert_eq!(read(0x1000, &[1]), []);
}

#[test]
fn other_forms_have_none() {
    for form in [0, 0x1010, 0xBEDF, 0xFFFF] {
        assert_eq!(read(form, &[0x10, 7]), []);
    }
}

#[test]
fn the_shorter_form_is_written_where_it_can_be() {
    let mut space = [0; 256];
    let mut block = ExtensionBlock::default();
    assert!(block.is_empty());
    assert!(block.push(1, b"mid") && block.push(14, &[9; 16]));
    let (form, contents) = block.write(&mut space);
    assert_eq!((form, contents.len()), (0xBEDE, 24));
    assert_eq!(read(form, contents), [(1, &b"mid"[..]), (14, &[9; 16])]);
    for (id, value) in [(15, &[1][..]), (3, &[]), (3, &[1; 17])] {
        let mut long = block.clone();
        assert!(long.push(id, value));
        let (form, contents) = long.write(&mut space);
        assert_eq!(form, 0x1000);
        assert_eq!(read(form, contents)[2], (id, value));
        assert_eq!(contents.len() % 4, 0);
    }
}

#[test]
fn a_full_block_takes_no_more() {
    let mut block = ExtensionBlock::default();
    assert!(!block.push(0, &[1]) && !block.push(1, &[0; 255]));
    assert!(block.push(1, &[7; 253]));
    assert!(!block.push(2, &[]));
    let mut space = [0; 256];
    assert_eq!(block.write(&mut space).1.len(), 256);
}

#[test]
fn what_is_written_is_read() {
    let mut random = Random::from_number(5);
    for _ in 0..20_000 {
        let (mut block, mut pushed) = (ExtensionBlock::default(), Vec::new());
        for _ in 0..random.u32() % 8 {
            let [id, len] = random.bytes();
            let (id, len) = match random.u32() % 3 {
                0 => (id, len),
                _ => (id % 15, len % 17),
            };
            let value = vec![id ^ 0x5A; len.into()];
            if block.push(id, &value) {
                pushed.push((id, value));
            }
        }
        let mut space = [0; 256];
        let (form, contents) = block.write(&mut space);
        let read = read(form, contents);
        assert_eq!(read.len(), pushed.len());
        assert!(
            read.iter()
                .zip(&pushed)
                .all(|(a, b)| a.0 == b.0 && a.1 == b.1)
        );
    }
}
