//! Sums of parts, merged pairwise.

/// What the parts come to, merged pairwise in an order that depends on their number alone; side by side where `parallel`.
/// `None` of no parts.
pub(super) fn tree<T: Send>(
    starts: &[usize],
    parallel: bool,
    leaf: &(dyn Fn(usize) -> T + Sync),
    merge: &(dyn Fn(&mut T, T) + Sync),
) -> Option<T> {
    (!starts.is_empty()).then(|| merged(starts, parallel, leaf, merge))
}

fn merged<T: Send>(
    starts: &[usize],
    parallel: bool,
    leaf: &(dyn Fn(usize) -> T + Sync),
    merge: &(dyn Fn(&mut T, T) + Sync),
) -> T {
    if let [start] = starts {
        return leaf(*start);
    }
    let (left, right) = starts.split_at(starts.len().div_ceil(2));
    let of = |starts| merged(starts, parallel, leaf, merge);
    let (mut left, right) =
        if parallel { rayon::join(|| of(left), || of(right)) } else { (of(left), of(right)) };
    merge(&mut left, right);
    left
}
