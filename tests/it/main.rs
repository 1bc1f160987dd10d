mod accuracy;
mod conformance_models;
mod models;
