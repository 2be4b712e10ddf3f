//! Pure transition functions for spending single-use refresh tokens without losing the grant.
