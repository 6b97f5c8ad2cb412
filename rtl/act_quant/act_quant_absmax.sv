// act_quant_absmax: the largest magnitude of every vector.
//
// Magnitudes are compared as integers: every NaN is above infinity, so it wins, and subnormals are below every other number.
// What is left of them at the end is the business of the units behind (a NaN is any NaN, a subnormal counts as zero).
//
// Latency:       log2(Lanes) + 1 cycles from a vector's last beat. Throughput: one beat a cycle, vectors of any length.
// Back-pressure: none: it never stops.
//
// Parameters:
//   Lanes  values in a beat, a power of two
//   SideW  bits that travel along with the last beat
module act_quant_absmax #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned SideW = 12
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] data_i,
    input  logic                last_i,
    input  logic [   SideW-1:0] side_i,
    input  logic                valid_i,
    output logic [        30:0] amax_o,
    output logic [   SideW-1:0] side_o,
    output logic                valid_o
);
  localparam int unsigned Levels = $clog2(Lanes);

  // A heap: node 1 is the root, the children of n are 2n and 2n+1, the leaves are Lanes .. 2*Lanes-1; every level is a register.
  logic [30:0] node[2*Lanes];
  for (genvar l = 0; l < Lanes; l++) begin : gen_leaf
    assign node[Lanes+l] = data_i[32*l+:31];
  end
  assign node[0] = '0;
  for (genvar n = 1; n < Lanes; n++) begin : gen_node
    always_ff @(posedge clk_i) node[n] <= (node[2*n] > node[2*n+1]) ? node[2*n] : node[2*n+1];
  end
  wire unused = ^{node[0], data_i};

  logic valid, last;
  logic [SideW-1:0] side;
  if (Levels > 0) begin : gen_levels
    fp32_valid #(.Cycles(Levels)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i, .valid_o(valid));
  end else begin : gen_no_level
    assign valid = valid_i;
  end
  fp32_delay #(.Width(SideW + 1), .Cycles(Levels)) u_side (
      .clk_i, .enable_i(1'b1), .d_i({last_i, side_i}), .q_o({last, side})
  );

  // The largest so far of the vector under way.
  logic [30:0] most_q;
  logic first_q;
  assign amax_o = most_q;
  always_ff @(posedge clk_i) begin
    if (valid && (first_q || node[1] > most_q)) most_q <= node[1];
    side_o <= side;
    if (!rst_ni) begin
      first_q <= 1'b1;
      valid_o <= 1'b0;
    end else begin
      if (valid) first_q <= last;
      valid_o <= valid && last;
    end
  end
endmodule
