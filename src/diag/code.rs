//! The one table of what can go wrong.

use super::{Diagnostic, Severity};

macro_rules! codes {
    ($($name:ident $id:literal $exit:literal $title:literal $explanation:literal;)*) => {
        /// What kind of problem a diagnostic is. `pipefit explain CODE` prints the explanation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as printed, `E0203`; warnings start with `W`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id,)* }
            }

            /// The exit code of a process that ends with it; 0 for a warning.
            pub fn exit_code(self) -> u8 {
                match self { $(Code::$name => $exit,)* }
            }

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// What it means and what to do, in a few sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $explanation,)* }
            }
        }
    };
}

impl Code {
    /// An error of this kind.
    pub fn error(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, Severity::Error, message.into())
    }

    /// A warning of this kind.
    pub fn warning(self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, Severity::Warning, message.into())
    }
}

codes! {
    // 0xxx: the tool itself and how it was called
    Bug "E0001" 1 "a bug in pipefit" "pipefit met a state that should be impossible. Nothing was published. Please report it with the command and the file.";
    Usage "E0002" 2 "wrong use of the command line" "An argument or option is not known, is missing, or has a value that cannot be. `pipefit help` and `pipefit help COMMAND` list them.";
    NoPipelineFile "E0003" 2 "no such pipeline file" "The pipeline file cannot be read. Paths are relative to the working directory.";
    Interrupted "E0130" 130 "interrupted" "The work was stopped by Ctrl-C or SIGTERM. Nothing was published; a rerun starts afresh.";

    // 02xx: the pipeline file
    YamlSyntax "E0201" 3 "not valid YAML" "The file is not YAML 1.2, or goes beyond a limit: 1 MiB of text, 64 levels of nesting, 100,000 nodes after aliases are expanded.";
    UnknownKey "E0202" 3 "unknown or duplicate key" "A key is not part of the pipeline file's format, or stands twice in one map. Unknown keys are refused so that a typo never silently does nothing.";
    UnknownComponent "E0203" 3 "unknown component" "A step, model, splitter or metric is not known. Names are scikit-learn's; `pipefit list steps|models|splitters|searches|metrics` shows all.";
    UnknownParameter "E0204" 3 "unknown parameter" "The component has no such parameter. Parameters are scikit-learn's; `pipefit explain NAME` lists them.";
    BadValue "E0205" 3 "a value of the wrong type or out of bounds" "The value cannot be used here. The message says what is expected.";
    MissingKey "E0206" 3 "a required key is missing" "The section lacks a key that has no default.";
    BadReference "E0207" 3 "a reference leads nowhere" "`${params.x}` or `${env:NAME}` names something that is not there, a column group or address does not exist, or a name cannot be used.";
    Conflict "E0208" 3 "two settings contradict each other" "Two parts of the file cannot both hold. The message names both.";
    TypeMismatch "E0209" 3 "a step gets a type that it cannot take" "A numeric step gets categories, or the like. Put the columns through an encoder, select columns by type, or try `preprocess: auto`.";
    NotSupported "E0210" 3 "not supported" "scikit-learn has this, pipefit does not, or not yet. The message says what comes nearest.";
    Removed "E0211" 3 "removed from scikit-learn" "scikit-learn has removed this parameter. The message gives today's spelling.";

    // 04xx: the data
    MissingKeyOrFile "E0401" 4 "no such key or file" "The key is not in the store or the input file does not exist. `pipefit data ls` lists the keys; `source.load_if_missing` names a file to start from.";
    UnreadableValue "E0402" 4 "a value that cannot be read" "The key or file holds something that is not a table in a known format: CSV, JSON columns, JSON records or JSONL.";
    RefusedFormat "E0403" 4 "a format that is refused" "Pickle and Java serialization can run code when read, so they are refused. Convert the value once, with the snippet in the message.";
    WrongKind "E0404" 4 "a key of another kind" "The key exists but is of a Redis type that cannot be read as asked.";
    MissingColumn "E0405" 4 "a missing column" "A column that the file or the model needs is not in the data. `pipefit data show KEY` lists the columns.";
    BadCell "E0406" 4 "a cell that cannot be used" "A cell is text in a number column, infinite, or an integer beyond 2^53 that a float cannot hold. The message names column and row.";
    EmptyData "E0407" 4 "too little data" "The table has no rows, no features, or fewer rows than the work needs.";
    BadTarget "E0408" 4 "a target that cannot be learned" "The target is missing in some row, is constant, has one class only, or is of the wrong type for the model.";
    EmptyColumn "E0409" 4 "a column without any value" "Every cell of the column is missing in the whole table. Leave it out with `source.columns`, or with a column group.";
    UnknownModel "E0410" 4 "no such model, version, alias or run" "The registry has no such name. `pipefit models ls` and `pipefit runs ls` list what there is.";
    BadWeight "E0411" 4 "weights that cannot be used" "Weights are finite numbers that are not negative and not all zero.";
    NoMemory "E0412" 4 "more memory than there may be" "The run would take more memory than `--memory` allows, even with one fold at a time. `pipefit plan` tells how much it takes, and what the most of it is; fewer columns, levels or rows take less.";
    Expectation "E0413" 4 "an expectation does not hold" "The data breaks what `expect` says of it. The message names everything that does not hold, each with a count and the first rows, counted from 1 in the data as it was read. Nothing was learned.";
    StreamGap "E0414" 4 "a gap in a stream" "Entries of a stream were trimmed or deleted before `learn` had read them. What was learned stays as it is. `online.on_gap: warn` goes on without them; or run the file again, which begins anew.";

    // 05xx: learning
    FitFailed "E0501" 5 "a fit failed" "A step or model could not be fitted. The message names the fold, the step and the column.";
    UndefinedScore "E0502" 5 "a score is undefined" "The metric has no value on a fold, e.g. r2 of one row or roc_auc with one class. Use other folds or another metric.";
    NotFinite "E0503" 5 "a number is not finite" "NaN or infinity came out of a step, a model or a metric. The message names the place.";
    BadFolds "E0504" 5 "folds that cannot be made" "There are fewer rows, groups or members of every class than folds.";
    UnknownCategory "E0505" 5 "a category that was not there in training" "An encoder with `handle_unknown: error` met a category that its training rows do not have. Use `handle_unknown: ignore`.";

    // 06xx: the store
    StoreUnreachable "E0601" 6 "the store cannot be reached" "No connection within the time-out (5 s, `?timeout=`). The message says what was tried.";
    StoreRefused "E0602" 6 "the store refused" "The server answered with an error: a wrong password, no permission, out of memory, read-only.";
    StoreTimeout "E0603" 6 "the store did not answer in time" "The server accepted the connection but did not answer within the time-out (30 s, `?timeout=`).";
    StoreIo "E0604" 6 "the store could not be read or written" "The disk or the connection failed in the middle: no space, no permission, a broken connection. What was published before is untouched.";
    BadStoreUrl "E0605" 2 "not a store" "Stores are `dir:PATH`, a bare path, `redis://HOST:PORT/DB`, `rediss://` with TLS, `redis+unix://PATH`, `redis+cluster://HOST:PORT,...`, `redis+sentinel://HOST:PORT,.../NAME/DB` or `mem:`.";
    BlobGone "E0606" 6 "a stored file is gone before it could be named" "Files are stored first and named after. Something removed one in between: a cache that evicts keys, or a sweep of leftovers. Nothing was published; run again.";

    // 07xx: promises
    Damaged "E0701" 7 "damaged" "A stored artifact or record does not have the digest or the form it should have. It is refused, whatever it contains.";
    LockDiffers "E0702" 7 "the run differs from its lock" "`run --locked` or `runs verify` found a difference. The message names the first.";
    NotReproducible "E0703" 7 "a promise was not met" "A gate or a verification failed. The message says which.";
    Drifted "E0704" 7 "a stream has drifted" "Rows of the stream are not as those that were learned first, or are predicted worse. They are learned; the next `learn` goes on behind them. `online.drift.on_drift: warn` goes on at once.";

    // W: warnings
    WarnDeprecated "W0001" 0 "deprecated" "The spelling works today and will go; the message gives the new one.";
    WarnNoEffect "W0002" 0 "without effect" "The parameter is accepted for scikit-learn's sake and changes nothing here.";
    WarnFolds "W0003" 0 "few members of a class" "A class has fewer rows than there are folds: some folds lack it.";
    WarnScore "W0004" 0 "a score by convention" "The score is undefined on this fold and has the value that scikit-learn gives it.";
    WarnColumn "W0005" 0 "an odd column" "A column is constant, or missing in all training rows of a fold and was dropped there.";
    WarnCondition "W0006" 0 "nearly dependent columns" "The columns are so nearly dependent that coefficients lose digits; predictions do not.";
    WarnConverge "W0007" 0 "not converged" "An iterative model reached `max_iter` before its tolerance.";
    WarnStore "W0008" 0 "about the store" "Something about the store or the disk copy is worth knowing; the work went on.";
    WarnSelector "W0009" 0 "a selector without columns" "A column group matches no column of the data and was skipped.";
    WarnData "W0010" 0 "about the data" "Something about the data is worth knowing; the work went on.";
    WarnCandidate "W0011" 0 "a candidate without a score" "A candidate of a search could not be fitted in some fold, or its score is undefined there. It has no mean, ranks last, and the search went on.";
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = Code::ALL.iter().map(|c| c.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable_by_key(|id| (id.starts_with('W'), id[1..].to_owned(), *id));
        sorted.dedup();
        assert_eq!(ids.len(), sorted.len());
        for code in Code::ALL {
            assert_eq!(code.id().starts_with('W'), code.exit_code() == 0, "{}", code.id());
        }
    }
}
