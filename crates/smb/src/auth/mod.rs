//! Log-on: NTLMv2, raw and in SPNEGO.
