//! How the program ends when it is told to.

use crate::http::OFFER;
use crate::program::{Program, program};

/// Scenario 29, with the program itself.
#[test]
fn sigterm_and_sigint_drain_the_program_and_it_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let mut command = program();
        command.args(["serve", "--bind", "127.0.0.1:0"]);
        let mut program = Program::run(command);
        let client = program.client;
        assert_eq!(client.get("/readyz").status, 200);
        let location = program.opens();
        program.signal(signal);
        program.says("draining");
        // The old session may end in peace; new ones go elsewhere.
        assert_eq!(client.get("/readyz").status, 503);
        assert_eq!(client.get("/healthz").status, 200);
        assert_eq!(client.post(OFFER).status, 503);
        assert_eq!(client.delete(&location).status, 200);
        let status = program.ended();
        assert!(status.success(), "{status}");
    }
}
