//! The general path for many pipelines at once: what they have in common is fitted once.
//!
//! The chains of steps of all pipelines are a tree, which is walked depth first: a frame is held only
//! while some pipeline behind it is unfinished. With several column groups, the one with the most
//! different chains is walked so; the frames of the others are held meanwhile.

use std::sync::Arc;

use rayon::prelude::*;

use super::fitted::{Fitted, FittedGroup, FittedNode, FittedSteps, named};
use super::general::General;
use crate::contract::Frame;
use crate::diag::Result;
use crate::graph::{Pipeline, StepNode, same_steps};
use crate::table::Rows;

/// Fitted steps, and the features of all rows behind them.
#[derive(Clone)]
struct Chain {
    steps: Vec<FittedNode>,
    frame: Frame,
}

/// What becomes of a pipeline with its features, or of why it has none.
type Judge<'a, T> = dyn Fn(usize, Result<(Fitted, &Frame)>) -> T + Sync + 'a;
/// What becomes of the pipelines whose chain ends.
type End<'a, T> = dyn Fn(&[usize], Result<Chain>) -> Vec<T> + Sync + 'a;

impl General<'_> {
    /// Fits pipelines of the same groups on the training rows. `judge` gets each, by its place,
    /// fitted with the features of all rows as its model saw them, or what a step or the model
    /// refused; its answers come back in the order of the pipelines. Where these branch, `at_once` are worked on at a time.
    pub fn each<T: Send>(
        &self,
        pipelines: &[&Pipeline],
        rows: &Rows,
        at_once: usize,
        judge: &Judge<T>,
    ) -> Vec<T> {
        let walk = Walk { general: self, pipelines, rows, at_once };
        let mut answers = walk.groups(judge);
        answers.sort_by_key(|(i, _)| *i);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

struct Walk<'a> {
    general: &'a General<'a>,
    pipelines: &'a [&'a Pipeline],
    rows: &'a Rows,
    at_once: usize,
}

/// A group whose frames are held.
struct Held {
    /// The group's place.
    group: usize,
    /// Its different chains.
    chains: Vec<Result<Chain>>,
    /// Which of them each pipeline has.
    of: Vec<usize>,
}

impl Walk<'_> {
    fn groups<T: Send>(&self, judge: &Judge<T>) -> Vec<(usize, T)> {
        let all: Vec<usize> = (0..self.pipelines.len()).collect();
        let columns = &self.general.bound.groups;
        let places: Vec<usize> = (0..columns.len()).filter(|g| !columns[*g].is_empty()).collect();
        let chains = |g: usize| alike(&all, |a, b| same_steps(self.steps(a, g), self.steps(b, g))).len();
        // The last of the widest; there is a group, or nothing could be bound.
        let Some(widest) = places.iter().copied().max_by_key(|g| chains(*g)) else { return Vec::new() };
        let others = places.iter().copied().filter(|g| *g != widest);
        let held: Vec<Held> = others.map(|g| self.held(g, &all)).collect();
        self.group(widest, &all, &|members, chain| {
            let joined = alike(members, |a, b| held.iter().all(|held| held.of[a] == held.of[b]));
            self.over(joined, |members| self.joined(&members, widest, &chain, &held, judge))
        })
    }

    fn held(&self, group: usize, all: &[usize]) -> Held {
        let parts = self.group(group, all, &|members, chain| vec![(members.to_vec(), chain)]);
        let mut held = Held { group, chains: Vec::new(), of: vec![0; all.len()] };
        for (members, chain) in parts {
            members.iter().for_each(|i| held.of[*i] = held.chains.len());
            held.chains.push(chain);
        }
        held
    }

    fn steps(&self, i: usize, group: usize) -> &[StepNode] {
        &self.pipelines[i].groups[group].steps
    }

    /// Walks the chains of one group, from its columns.
    fn group<T: Send>(&self, g: usize, members: &[usize], end: &End<T>) -> Vec<T> {
        match self.general.frame.select(&self.general.bound.groups[g]) {
            Ok(frame) => {
                let start = Chain { steps: Vec::new(), frame };
                self.walk(&|i| self.steps(i, g), members.to_vec(), start, end)
            }
            Err(error) => end(members, Err(error)),
        }
    }

    /// Joins the groups of pipelines that have them in common, and goes on to selectors and models.
    fn joined<T: Send>(
        &self,
        members: &[usize],
        widest: usize,
        chain: &Result<Chain>,
        held: &[Held],
        judge: &Judge<T>,
    ) -> Vec<(usize, T)> {
        let mut chains = vec![(widest, chain)];
        chains.extend(held.iter().map(|held| (held.group, &held.chains[held.of[members[0]]])));
        chains.sort_by_key(|(g, _)| *g);
        let mut groups = Vec::new();
        let mut frames = Vec::new();
        for (g, chain) in chains {
            let chain = match chain {
                Ok(chain) => chain,
                Err(error) => return members.iter().map(|i| (*i, judge(*i, Err(error.clone())))).collect(),
            };
            let name = self.pipelines[members[0]].groups[g].name.clone();
            frames.push(named(chain.frame.clone(), name.as_deref()));
            let columns = self.general.bound.groups[g].clone();
            groups.push(FittedGroup { name, columns, steps: chain.steps.clone() });
        }
        let frame = Frame::beside(self.general.frame.rows(), frames);
        let start = Chain { steps: Vec::new(), frame };
        self.walk(&|i| &self.pipelines[i].select, members.to_vec(), start, &|members, chain| {
            self.models(members, &groups, chain, judge)
        })
    }

    /// The models on features that their pipelines have in common.
    fn models<T: Send>(
        &self,
        members: &[usize],
        groups: &[FittedGroup],
        chain: Result<Chain>,
        judge: &Judge<T>,
    ) -> Vec<(usize, T)> {
        let one = |i: usize| {
            let fitted = chain.as_ref().map_err(Clone::clone).and_then(|Chain { steps, frame }| {
                let node = &self.pipelines[i].model;
                let model = self.general.model(node, frame, self.rows)?;
                let steps = FittedSteps { groups: groups.to_vec(), select: steps.clone() };
                let names = frame.names().iter().map(|name| name.to_string()).collect();
                Ok((Fitted { steps, class: node.model.name(), model, names }, frame))
            });
            vec![(i, judge(i, fitted))]
        };
        self.over(members.to_vec(), one)
    }

    /// Walks chains that agree up to where `chain` stands.
    fn walk<'p, T: Send>(
        &self,
        steps: &(dyn Fn(usize) -> &'p [StepNode] + Sync),
        members: Vec<usize>,
        mut chain: Chain,
        end: &End<T>,
    ) -> Vec<T> {
        let mut branches;
        loop {
            let at = chain.steps.len();
            branches = alike(&members, |a, b| match (steps(a).get(at), steps(b).get(at)) {
                (Some(a), Some(b)) => Arc::ptr_eq(&a.step, &b.step),
                (one, other) => one.is_none() && other.is_none(),
            });
            // One branch alone takes its parent's frame with it.
            match steps(members[0]).get(at) {
                Some(node) if branches.len() == 1 => match self.further(&chain, node) {
                    Ok(next) => chain = next,
                    Err(error) => return end(&members, Err(error)),
                },
                _ => break,
            }
        }
        let at = chain.steps.len();
        self.over(branches, |members| match steps(members[0]).get(at) {
            None => end(&members, Ok(chain.clone())),
            Some(node) => match self.further(&chain, node) {
                Ok(next) => self.walk(steps, members, next, end),
                Err(error) => end(&members, Err(error)),
            },
        })
    }

    /// A chain with one step more.
    fn further(&self, chain: &Chain, node: &StepNode) -> Result<Chain> {
        let (step, frame) = self.general.step(node, &chain.frame, self.rows)?;
        let steps = chain.steps.iter().cloned().chain([step]).collect();
        Ok(Chain { steps, frame })
    }

    /// Works on parts, as many at a time as there may be; the answers keep the order of the parts.
    fn over<P: Send, T: Send>(&self, parts: Vec<P>, work: impl Fn(P) -> Vec<T> + Sync + Send) -> Vec<T> {
        if self.at_once <= 1 || parts.len() <= 1 {
            return parts.into_iter().flat_map(work).collect();
        }
        let mut parts = parts.into_iter();
        let mut answers: Vec<T> = Vec::new();
        loop {
            let together: Vec<P> = parts.by_ref().take(self.at_once).collect();
            if together.is_empty() {
                return answers;
            }
            let own: Vec<Vec<T>> = together.into_par_iter().map(&work).collect();
            answers.extend(own.into_iter().flatten());
        }
    }
}

/// Members that are the same to each other, in the order of their first.
fn alike(members: &[usize], same: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let mut kinds: Vec<Vec<usize>> = Vec::new();
    for i in members {
        match kinds.iter_mut().find(|kind| same(kind[0], *i)) {
            Some(kind) => kind.push(*i),
            None => kinds.push(vec![*i]),
        }
    }
    kinds
}
