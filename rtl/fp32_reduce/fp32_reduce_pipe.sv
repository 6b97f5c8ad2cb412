// fp32_reduce_pipe: fp32_reduce without its handshake, for use inside a pipeline that moves by one enable.
//
// Formula, parameters and numbers: see fp32_reduce.
//
// Latency:       fp32_reduce_pkg::latency(Op, Lanes, MaxBeats) from a vector's last beat to its result, whatever its length.
// Throughput:    one beat a cycle, vectors back to back.
// Back-pressure: every register holds while enable_i is low.
//
// Ports:
//   too_long_o  with valid_o low: a vector has more than MaxBeats beats; its result will be wrong, the next one's right
module fp32_reduce_pipe
  import fp32_reduce_pkg::*;
#(
    parameter int unsigned Op = 0,
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                enable_i,
    input  logic [32*Lanes-1:0] data_i,
    input  logic                valid_i,
    input  logic                last_i,
    output logic [        31:0] data_o,
    output logic                valid_o,
    output logic                too_long_o
);
  localparam int unsigned LaneLevels = $clog2(Lanes);
  localparam int unsigned Levels = $clog2(MaxBeats);
  localparam int unsigned Cycles = node_latency(Op);

  if (Op >= Ops) $error("%m: Op is %0d, allowed: 0, 1", Op);
  if (Lanes < 1 || Lanes != 1 << LaneLevels) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);
  if (MaxBeats < 1 || MaxBeats != 1 << Levels) $error("%m: MaxBeats is %0d, allowed: powers of two", MaxBeats);
  if (Lanes * MaxBeats < 2) $error("%m: MaxBeats is %0d, allowed: >= 2 with one lane", MaxBeats);

  // ---- the lanes of a beat: a heap, node 1 is the root, the children of n are 2n and 2n + 1 ------------------------
  logic [31:0] node[2*Lanes];
  assign node[0] = '0;
  for (genvar i = 0; i < Lanes; i++) begin : gen_leaves
    assign node[Lanes+i] = data_i[32*i+:32];
  end
  for (genvar n = 1; n < Lanes; n++) begin : gen_nodes
    fp32_reduce_node #(.Op(Op)) u_node (.clk_i, .enable_i, .a_i(node[2*n]), .b_i(node[2*n+1]), .y_o(node[n]));
  end

  // ---- the beats of a vector; [i] enters level i ---------------------------------------------------------------------
  logic [31:0] data[Levels+1];
  logic [Levels:0] valid, last;
  assign data[0] = node[1];
  if (LaneLevels == 0) begin : gen_one_lane
    assign {valid[0], last[0]} = {valid_i, last_i};
  end else begin : gen_lanes
    fp32_valid #(.Cycles(LaneLevels * Cycles)) u_valid (.clk_i, .rst_ni, .enable_i, .valid_i, .valid_o(valid[0]));
    fp32_delay #(.Width(1), .Cycles(LaneLevels * Cycles)) u_last (.clk_i, .enable_i, .d_i(last_i), .q_o(last[0]));
  end
  for (genvar i = 0; i < Levels; i++) begin : gen_levels
    fp32_reduce_level #(.Op(Op)) u_level (
        .clk_i, .rst_ni, .enable_i, .data_i(data[i]), .valid_i(valid[i]), .last_i(last[i]),
        .data_o(data[i+1]), .valid_o(valid[i+1]), .last_o(last[i+1])
    );
  end

  assign data_o = data[Levels];
  assign valid_o = valid[Levels] && last[Levels];
  assign too_long_o = valid[Levels] && !last[Levels];
  wire unused = ^node[0];
endmodule
