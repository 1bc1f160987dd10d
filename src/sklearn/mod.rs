//! A published pipeline as a Python file for scikit-learn: the classes and parameters in words, what they learned in the artifact
//! beside it. Which components have such a form stands in `form`; all others are refused by name.

mod form;
mod literal;
mod part;
mod script;

pub use script::script;
