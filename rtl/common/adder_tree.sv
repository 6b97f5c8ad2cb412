// adder_tree: sum of Inputs numbers, combinational, full precision.
//
//   sum_o = data_i[0] + data_i[1] + ... + data_i[Inputs-1]
//
// Formats:    Inputs numbers of Width bits, number i at data_i[i*Width +: Width]; two's complement if Signed.
//             The sum has $clog2(Inputs) more bits, so it cannot overflow.
// Latency:    0 (register around it).
// Order:      a binary tree over the next power of two; integer addition, so the order does not show.
//
// Parameters:
//   Inputs  numbers to add, >= 1
//   Width   bits of each, >= 1
//   Signed  1: two's complement, 0: unsigned
module adder_tree #(
    parameter int unsigned Inputs = 4,
    parameter int unsigned Width = 8,
    parameter bit Signed = 1'b1,
    localparam int unsigned SumW = Width + $clog2(Inputs)
) (
    input  logic [Inputs*Width-1:0] data_i,
    output logic [        SumW-1:0] sum_o
);
  localparam int unsigned Levels = $clog2(Inputs);
  localparam int unsigned Leaves = 1 << Levels;

  if (Inputs < 1) $error("%m: Inputs is %0d, allowed: >= 1", Inputs);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);

  // A heap: node 1 is the root, the children of n are 2n and 2n+1, the leaves are Leaves .. 2*Leaves-1.
  // Every node is written at its full width; synthesis trims the sign extension of the lower levels.
  logic [SumW-1:0] node[2*Leaves];

  always_comb begin
    node[0] = '0;
    for (int unsigned i = 0; i < Leaves; i++) begin
      if (i < Inputs) begin
        node[Leaves+i] = {{Levels + 1{Signed && data_i[i*Width+Width-1]}}, data_i[i*Width+:Width]} [SumW-1:0];
      end else begin
        node[Leaves+i] = '0;
      end
    end
    for (int unsigned n = Leaves - 1; n >= 1; n--) node[n] = node[2*n] + node[2*n+1];
  end

  assign sum_o = node[1];
endmodule
