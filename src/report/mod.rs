//! An outcome as json, markdown and html.
