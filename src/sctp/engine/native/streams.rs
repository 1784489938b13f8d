//! State by stream identifier: found by index, and there only for streams in use.

/// How many streams share an allocation.
const PAGE: usize = 16;

/// A table of streams in which those that were never touched take next to no memory.
#[derive(Debug)]
pub(super) struct Streams<T>(Vec<Option<Box<[T; PAGE]>>>);

impl<T> Default for Streams<T> {
    fn default() -> Self {
        Streams(Vec::new())
    }
}

impl<T: Default> Streams<T> {
    pub(super) fn get(&self, stream: u16) -> Option<&T> {
        let (page, index) = place(stream);
        Some(&self.0.get(page)?.as_ref()?[index])
    }

    /// The state of the stream, as it is by default if there was none.
    pub(super) fn entry(&mut self, stream: u16) -> &mut T {
        let (page, index) = place(stream);
        if self.0.len() <= page {
            self.0.resize_with(page + 1, || None);
        }
        &mut self.0[page].get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default())))
            [index]
    }
}

fn place(stream: u16) -> (usize, usize) {
    (usize::from(stream) / PAGE, usize::from(stream) % PAGE)
}
