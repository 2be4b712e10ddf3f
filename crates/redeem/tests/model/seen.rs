//! Which worlds has a walk seen already? A set of hashes that touches memory once for each question.

/// A set of hashes.
pub(crate) struct Seen {
    /// Open addressing with linear probing; zero is an empty place, and at most half of the places are taken.
    places: Vec<u64>,
    len: usize,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![0; 1 << 12],
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a hash; `false` where it was there.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        if self.len * 2 >= self.places.len() {
            self.grow();
        }
        let fits = place(&mut self.places, hash.max(1));
        self.len += usize::from(fits);
        fits
    }

    fn grow(&mut self) {
        let mut larger = vec![0; self.places.len() * 2];
        for hash in self.places.iter().filter(|hash| **hash != 0) {
            place(&mut larger, *hash);
        }
        self.places = larger;
    }
}

fn place(places: &mut [u64], hash: u64) -> bool {
    let mask = places.len() - 1;
    let mut index = hash as usize & mask;
    loop {
        match places[index] {
            0 => {
                places[index] = hash;
                return true;
            }
            there if there == hash => return false,
            _ => index = (index + 1) & mask,
        }
    }
}

#[test]
fn smoke_a_hash_is_new_once() {
    let mut seen = Seen::new();
    let hashes = || (0..100_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    assert!(hashes().all(|hash| seen.insert(hash)));
    assert!(!hashes().any(|hash| seen.insert(hash)));
    assert_eq!(seen.len(), 100_000);
}
