//! A connection that is given up at the first silence.

use ::redis::{Cmd, Connection, ConnectionLike, RedisResult, Value};

/// The client's connection, but for the answers to a pipeline: the client waits for each of them although an earlier
/// one has not come, so that a silent server would hold a run for as many time-outs as there are commands.
pub struct Wire(pub(super) Connection);

impl Wire {
    /// Sends bytes that are a command, or a part of one, without waiting for an answer.
    pub fn send_packed_command(&mut self, bytes: &[u8]) -> RedisResult<()> {
        self.0.send_packed_command(bytes)
    }

    /// Waits for one answer.
    pub fn recv_response(&mut self) -> RedisResult<Value> {
        self.0.recv_response()
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, bytes: &[u8]) -> RedisResult<Value> {
        self.0.req_packed_command(bytes)
    }

    fn req_command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.0.req_command(command)
    }

    /// `offset` answers that only matter if they are refusals (those of a transaction's commands), then `count` that
    /// are wanted.
    fn req_packed_commands(&mut self, bytes: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.0.send_packed_command(bytes)?;
        let mut wanted = Vec::with_capacity(count);
        let mut refusal = None;
        for i in 0..offset + count {
            let answer = self.0.recv_response()?;
            if i >= offset {
                wanted.push(answer);
            } else if let Err(error) = answer.extract_error() {
                // The other answers are read all the same, so that the connection stays in step.
                refusal.get_or_insert(error);
            }
        }
        refusal.map_or(Ok(wanted), Err)
    }

    fn get_db(&self) -> i64 {
        self.0.get_db()
    }

    fn check_connection(&mut self) -> bool {
        self.0.check_connection()
    }

    fn is_open(&self) -> bool {
        self.0.is_open()
    }
}
