"""verifiers for rftcore: its environments, and packages of the Environments Hub, as environments of ours."""
