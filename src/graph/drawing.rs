//! The graph as text, dot, mermaid and json.

use serde_json::{Value, json};

use super::nodes::{Graph, Group, Selector};

/// The boxes of a graph and the arrows between them.
pub struct Drawing {
    /// Identifier and label of every box.
    boxes: Vec<(String, String)>,
    /// Places of the boxes that an arrow joins.
    arrows: Vec<(usize, usize)>,
    text: String,
}

impl Drawing {
    /// The drawing of a graph.
    pub fn of(graph: &Graph) -> Self {
        let mut drawing = Self { boxes: Vec::new(), arrows: Vec::new(), text: String::new() };
        let source = drawing.add("source", format!("{} {}", graph.source.origin.word(), graph.source.shown));
        let mut ends = Vec::new();
        for group in &graph.pipeline.groups {
            let mut last = source;
            if let Some(name) = &group.name {
                let label = format!("{name}: {}", columns(group));
                drawing.line(1, &label);
                last = drawing.joined(last, &format!("preprocess__{name}"), label);
            }
            for node in &group.steps {
                drawing.line(if group.name.is_some() { 2 } else { 1 }, node.step.name());
                last = drawing.joined(last, &node.address, node.step.name().to_owned());
            }
            ends.push(last);
        }
        for node in &graph.pipeline.select {
            drawing.line(1, node.step.name());
            let next = drawing.add(&node.address, node.step.name().to_owned());
            ends.iter().for_each(|end| drawing.arrows.push((*end, next)));
            ends = vec![next];
        }
        drawing.line(1, graph.pipeline.model.model.name());
        let model = drawing.add("model", graph.pipeline.model.model.name().to_owned());
        ends.iter().for_each(|end| drawing.arrows.push((*end, model)));
        let artifact = format!("artifact {}", graph.output.artifact);
        drawing.line(1, &artifact);
        drawing.joined(model, "artifact", artifact);
        drawing
    }

    fn line(&mut self, depth: usize, label: &str) {
        self.text.push_str(&format!("{}-> {label}\n", "   ".repeat(depth)));
    }

    fn add(&mut self, id: &str, label: String) -> usize {
        if self.boxes.is_empty() {
            self.text.push_str(&format!("{label}\n"));
        }
        self.boxes.push((id.to_owned(), label));
        self.boxes.len() - 1
    }

    fn joined(&mut self, from: usize, id: &str, label: String) -> usize {
        let to = self.add(id, label);
        self.arrows.push((from, to));
        to
    }

    /// An indented list.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// Graphviz.
    pub fn dot(&self) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let boxes = self
            .boxes
            .iter()
            .enumerate()
            .map(|(i, (_, label))| format!("  n{i} [label=\"{}\"];\n", escaped(label)));
        let arrows = self.arrows.iter().map(|(from, to)| format!("  n{from} -> n{to};\n"));
        format!(
            "digraph pipeline {{\n  rankdir=LR;\n  node [shape=box];\n{}{}}}\n",
            boxes.collect::<String>(),
            arrows.collect::<String>()
        )
    }

    /// Mermaid.
    pub fn mermaid(&self) -> String {
        let escaped = |text: &str| text.replace('"', "#quot;");
        let boxes =
            self.boxes.iter().enumerate().map(|(i, (_, label))| format!("  n{i}[\"{}\"]\n", escaped(label)));
        let arrows = self.arrows.iter().map(|(from, to)| format!("  n{from} --> n{to}\n"));
        format!("flowchart LR\n{}{}", boxes.collect::<String>(), arrows.collect::<String>())
    }

    /// Boxes and arrows.
    pub fn json(&self) -> Value {
        let boxes: Vec<Value> =
            self.boxes.iter().map(|(id, label)| json!({"id": id, "label": label})).collect();
        let arrows: Vec<Value> =
            self.arrows.iter().map(|(from, to)| json!([self.boxes[*from].0, self.boxes[*to].0])).collect();
        json!({"nodes": boxes, "edges": arrows})
    }
}

/// A group's columns in words.
fn columns(group: &Group) -> String {
    match &group.selector {
        Selector::All => "all columns".to_owned(),
        Selector::Remainder => "the other columns".to_owned(),
        Selector::Chosen { kinds, names, except } => {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let mut words = if names.is_empty() {
                format!("columns of type {}", kinds.join(", "))
            } else {
                names.join(", ")
            };
            if !except.is_empty() {
                words.push_str(&format!(" but {}", except.join(", ")));
            }
            words
        }
    }
}
