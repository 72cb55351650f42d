//! ONNX files from their fields, byte by byte.

/// A field: number, then bytes, as protobuf encodes them (short lengths only).
pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2, content.len() as u8];
    bytes.extend(content);
    bytes
}

pub(crate) fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// A float tensor's name and shape as an input or output.
pub(crate) fn value(name: &str, shape: &[u8]) -> Vec<u8> {
    let dims = shape.iter().flat_map(|d| field(1, &number(1, *d)));
    let dims: Vec<u8> = dims.collect();
    let tensor = [number(1, 1), field(2, &dims)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

pub(crate) fn constant(name: &str, shape: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|d| number(1, *d)).collect();
    let elements: usize = shape.iter().map(|d| usize::from(*d)).product();
    let data: Vec<u8> = (0..elements).flat_map(|_| 1f32.to_le_bytes()).collect();
    [
        dims,
        number(2, 1),
        field(8, name.as_bytes()),
        field(9, &data),
    ]
    .concat()
}

pub(crate) fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|i| field(1, i.as_bytes())).collect();
    bytes.extend(field(2, output.as_bytes()));
    bytes.extend(field(4, op.as_bytes()));
    bytes.extend(attributes.iter().flat_map(|a| field(5, a)));
    bytes
}

pub(crate) fn onnx(input: &[u8], constants: &[(&str, &[u8])], nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|n| field(1, n)).collect();
    graph.extend(
        constants
            .iter()
            .flat_map(|(n, s)| field(5, &constant(n, s))),
    );
    graph.extend(field(11, &value("x", input)));
    graph.extend(field(12, &field(1, b"y")));
    let length = [graph.len() as u8 | 0x80, (graph.len() >> 7) as u8];
    let opset = field(8, &number(2, 13));
    [&number(1, 8)[..], &opset, &[7 << 3 | 2], &length, &graph].concat()
}
