"""Workers that are ready to use: `command = python3 -m evalh.workers.onnx model.onnx ...` in a
config."""
