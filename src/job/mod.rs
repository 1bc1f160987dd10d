//! The whole job: read, bind, plan, run, artifact, report, publish.
