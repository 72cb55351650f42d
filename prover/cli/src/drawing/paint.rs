//! The few shapes that the picture is made of.

use chainfer_formats::terminal;
use svg::{
    Document,
    node::element::{Circle, Definitions, Marker, Path, Rectangle, SVG, Text, Title, path::Data},
};

/// A point: x to the right, y down.
pub(super) type Point = (usize, usize);

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weight {
    Title,
    Heading,
    Plain,
    Small,
}

/// Which end of a text stands at its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    End,
}

/// Width of a character of a row, at most.
const CHARACTER: usize = 7;

/// A picture in the making.
#[derive(Debug)]
pub(super) struct Canvas {
    document: Document,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let tip = Path::new()
            .set("d", "M0,0 L6,3 L0,6 z")
            .set("fill", "context-stroke");
        let marker = Marker::new()
            .set("id", "tip")
            .set("viewBox", "0 0 6 6")
            .set("refX", 6)
            .set("refY", 3)
            .set("markerWidth", 6)
            .set("markerHeight", 6)
            .set("orient", "auto")
            .add(tip);
        let document = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("font-family", "system-ui, Helvetica, Arial, sans-serif")
            .add(Definitions::new().add(marker))
            .add(rectangle((0, 0), (width, height)).set("fill", "#ffffff"));
        Self { document }
    }

    fn add(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        let empty = SVG::new();
        self.document = std::mem::replace(&mut self.document, empty).add(node);
    }

    pub(super) fn text(
        &mut self,
        (x, y): Point,
        text: &str,
        weight: Weight,
        colour: &str,
        anchor: Anchor,
    ) {
        self.add(styled((x, y), text, weight, colour).set(
            "text-anchor",
            match anchor {
                Anchor::Start => "start",
                Anchor::End => "end",
            },
        ));
    }

    /// A name that is cut to a width; a pointer shows all of it.
    pub(super) fn name(&mut self, at: Point, name: &str, width: usize, colour: &str) {
        let room = width / CHARACTER;
        let length = name.chars().count();
        if length <= room {
            return self.text(at, name, Weight::Small, colour, Anchor::Start);
        }
        // The ends of names tell them apart.
        let tail: String = name.chars().skip(length - room + 1).collect();
        let text = styled(at, &format!("…{tail}"), Weight::Small, colour);
        self.add(text.add(Title::new(harmless(name))));
    }

    pub(super) fn dot(&mut self, (x, y): Point, colour: &str) {
        self.add(
            Circle::new()
                .set("cx", x)
                .set("cy", y)
                .set("r", 4)
                .set("fill", colour),
        );
    }

    pub(super) fn card(&mut self, at: Point, size: (usize, usize), fill: &str, stroke: &str) {
        self.add(
            rectangle(at, size)
                .set("rx", 6)
                .set("fill", fill)
                .set("stroke", stroke),
        );
    }

    /// A bar of the first width, filled up to the second.
    pub(super) fn bar(
        &mut self,
        at: Point,
        (width, full): (usize, usize),
        back: &str,
        front: &str,
    ) {
        for (width, colour) in [(width, back), (full, front)] {
            self.add(rectangle(at, (width, 9)).set("rx", 3).set("fill", colour));
        }
    }

    pub(super) fn line(&mut self, points: &[Point], colour: &str) {
        self.add(path(points, colour));
    }

    pub(super) fn arrow(&mut self, points: &[Point], colour: &str) {
        self.add(path(points, colour).set("marker-end", "url(#tip)"));
    }

    /// The document, with a title that screen readers say.
    pub(super) fn finish(mut self, title: &str) -> String {
        self.add(Title::new(harmless(title)));
        format!("{}\n", self.document.set("role", "img"))
    }
}

/// Text without characters that XML has no place for, or that would turn the rest of a line around.
fn harmless(text: &str) -> String {
    terminal::line(text)
}

fn rectangle((x, y): Point, (width, height): (usize, usize)) -> Rectangle {
    Rectangle::new()
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
}

fn styled((x, y): Point, text: &str, weight: Weight, colour: &str) -> Text {
    let (size, thickness) = match weight {
        Weight::Title => (20, 600),
        Weight::Heading => (14, 600),
        Weight::Plain => (13, 400),
        Weight::Small => (12, 400),
    };
    Text::new(harmless(text))
        .set("x", x)
        .set("y", y)
        .set("font-size", size)
        .set("font-weight", thickness)
        .set("fill", colour)
}

fn path(points: &[Point], colour: &str) -> Path {
    let mut data = Data::new();
    for (at, point) in points.iter().enumerate() {
        data = match at {
            0 => data.move_to(*point),
            _ => data.line_to(*point),
        };
    }
    Path::new()
        .set("d", data)
        .set("fill", "none")
        .set("stroke", colour)
        .set("stroke-width", 1.4)
}
