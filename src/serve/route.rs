//! What a path means.

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Whether the process runs.
    Live,
    /// Whether every model is there.
    Ready,
    /// MLflow's word that all is well.
    Ping,
    /// MLflow's word for the version of what serves.
    Version,
    /// Counters for Prometheus.
    Metrics,
    /// What the server is, in the Open Inference Protocol.
    Server,
    /// What a model takes and gives, in the Open Inference Protocol.
    Model,
    /// Whether a model is there.
    ModelReady,
    /// A model's state, in TensorFlow Serving's protocol.
    Status,
    /// Prediction in the Open Inference Protocol.
    Infer,
    /// Prediction as MLflow has it.
    Invocations,
    /// Prediction as TensorFlow Serving has it.
    Instances,
    /// Prediction of plain rows.
    Predict,
    /// The models.
    Models,
}

/// A path that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'p> {
    /// What is asked for.
    pub work: Work,
    /// The model's name; the only model where there is none.
    pub model: Option<&'p str>,
    /// The model's version; the one that is served where there is none.
    pub version: Option<&'p str>,
}

impl Work {
    /// The names that counters have for it.
    pub const NAMES: [&'static str; 14] = [
        "live",
        "ready",
        "ping",
        "version",
        "metrics",
        "server",
        "model",
        "model_ready",
        "status",
        "infer",
        "invocations",
        "instances",
        "predict",
        "models",
    ];

    /// Its name in counters and logs.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Whether it takes rows, by POST; what does not is read by GET.
    pub fn predicts(self) -> bool {
        matches!(self, Self::Infer | Self::Invocations | Self::Instances | Self::Predict)
    }

    /// Whether anybody may ask, since a supervisor has no token: nothing but well or not well is told.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Live | Self::Ready | Self::Ping)
    }
}

/// The meaning of a path; `None` if it has none.
pub fn route(path: &str) -> Option<Route<'_>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = [""; 7];
    let mut count = 0;
    for part in path.split('/') {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    let found = |work, model, version| Some(Route { work, model, version });
    match parts[..count] {
        ["v2"] => found(Work::Server, None, None),
        ["v2", "health", "live"] => found(Work::Live, None, None),
        ["v2", "health", "ready"] => found(Work::Ready, None, None),
        ["v2", "models", model, ref rest @ ..] => {
            let (version, rest) = match rest {
                ["versions", version, rest @ ..] => (Some(*version), rest),
                rest => (None, rest),
            };
            let work = match rest {
                [] => Work::Model,
                ["ready"] => Work::ModelReady,
                ["infer"] => Work::Infer,
                _ => return None,
            };
            found(work, Some(model), version)
        }
        ["v1", "models", model] => instances(model).map(|(work, model)| Route { work, model, version: None }),
        ["v1", "models", model, "versions", version] => {
            let (work, version) = instances(version)?;
            found(work, Some(model), version)
        }
        ["models"] => found(Work::Models, None, None),
        ["models", model, last] => Some(Route { model: Some(model), ..plain(last)? }),
        [one] => plain(one),
        _ => None,
    }
}

/// `NAME` or `NAME:predict`.
fn instances(part: &str) -> Option<(Work, Option<&str>)> {
    match part.split_once(':') {
        None => Some((Work::Status, Some(part))),
        Some((name, "predict")) => Some((Work::Instances, Some(name))),
        Some(_) => None,
    }
}

/// The paths that stand at the root, and below `/models/NAME` where there are several models.
fn plain(name: &str) -> Option<Route<'_>> {
    let work = match name {
        "predict" => Work::Predict,
        "invocations" => Work::Invocations,
        "ping" | "health" => Work::Ping,
        "version" => Work::Version,
        "metrics" => Work::Metrics,
        _ => return None,
    };
    Some(Route { work, model: None, version: None })
}

#[cfg(test)]
mod tests {
    use super::{Route, Work, route};

    #[test]
    fn paths_of_all_protocols_are_known() {
        let known = |path| route(path).map(|Route { work, model, version }| (work.name(), model, version));
        for (path, expected) in [
            ("/v2", ("server", None, None)),
            ("/v2/health/live", ("live", None, None)),
            ("/v2/models/m", ("model", Some("m"), None)),
            ("/v2/models/m/ready", ("model_ready", Some("m"), None)),
            ("/v2/models/m/infer", ("infer", Some("m"), None)),
            ("/v2/models/m/versions/3", ("model", Some("m"), Some("3"))),
            ("/v2/models/m/versions/3/infer", ("infer", Some("m"), Some("3"))),
            ("/v1/models/m", ("status", Some("m"), None)),
            ("/v1/models/m:predict", ("instances", Some("m"), None)),
            ("/v1/models/m/versions/3:predict", ("instances", Some("m"), Some("3"))),
            ("/predict/", ("predict", None, None)),
            ("/models/m/invocations", ("invocations", Some("m"), None)),
            ("/ping", ("ping", None, None)),
        ] {
            assert_eq!(known(path), Some(expected), "{path}");
        }
        for path in
            ["", "/", "//", "/v2/", "/v3", "/v2/models/m/x", "/v1/models/m:train", "/a/b/c/d/e/f/g/h/i"]
        {
            assert!(path == "/v2/" || route(path).is_none(), "{path}");
        }
        assert_eq!(Work::Models.name(), "models");
    }
}
