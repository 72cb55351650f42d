//! A forge project around a model's verifiers: sources, key contracts, a deployment script and, given a proof of every chunk, a
//! test suite that accepts those proofs and refuses everything that is near them.
//!
//! The project is self-contained: its tests need forge and nothing else. Nothing here reads or writes files; see
//! [`ForgeProject::files`].

mod chunk;
mod error;
mod render;
mod template;

pub use chunk::{ChunkProof, ProjectChunk};
pub use error::ProjectError;
pub use template::SOLC_VERSION;

use std::collections::BTreeMap;

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFile {
    /// Where it goes, relative to the project, with `/` between the parts.
    pub path: String,
    /// What it holds.
    pub contents: String,
}

/// A project's chunks, checked to fit each other.
#[derive(Clone, Debug)]
pub struct ForgeProject {
    chunks: Vec<ProjectChunk>,
}

impl ForgeProject {
    /// A project of these chunks.
    ///
    /// # Errors
    /// There is none, some have a proof and some do not, or two different verifiers have one name.
    pub fn new(chunks: Vec<ProjectChunk>) -> Result<Self, ProjectError> {
        let first = chunks.first().ok_or(ProjectError::NoChunks)?;
        let tested = first.proof.is_some();
        if let Some(chunk) = chunks.iter().position(|c| c.proof.is_some() != tested) {
            let missing = if tested { chunk } else { 0 };
            return Err(ProjectError::MissingProof { chunk: missing });
        }
        let mut sources: BTreeMap<&str, &str> = BTreeMap::new();
        for chunk in &chunks {
            let text = sources.entry(&chunk.contract).or_insert(&chunk.solidity);
            if *text != chunk.solidity {
                return Err(ProjectError::NameTaken {
                    name: chunk.contract.clone(),
                });
            }
        }
        Ok(Self { chunks })
    }

    /// Whether the project has tests.
    pub fn has_tests(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.proof.is_some())
    }

    /// Everything to write, by path.
    pub fn files(&self) -> Vec<ProjectFile> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (path, text) in template::SOURCES.iter().chain(template::SCRIPT) {
            files.insert((*path).to_owned(), (*text).to_owned());
        }
        for chunk in &self.chunks {
            files.insert(
                format!("src/verifiers/{}.sol", chunk.contract),
                chunk.solidity.clone(),
            );
        }
        files.extend(render::always(&self.chunks));
        if self.has_tests() {
            for (path, text) in template::TESTS {
                files.insert((*path).to_owned(), (*text).to_owned());
            }
            files.extend(render::tests(&self.chunks));
        }
        files
            .into_iter()
            .map(|(path, contents)| ProjectFile { path, contents })
            .collect()
    }
}

#[cfg(test)]
mod tests;
