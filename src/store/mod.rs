//! What was published: blobs by digest and named records with compare-and-swap.
