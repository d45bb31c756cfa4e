"""Steps of the pipeline: read an artefact, call `mmcore`, write an artefact atomically. No science here."""
