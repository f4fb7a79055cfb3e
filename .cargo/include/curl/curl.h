/* Only has to exist: see ../../config.toml. */
