// sampler_best: where the highest rank of a vector is; the first one of equals.
//
// A tree over the lanes, then a running best over the beats. It begins with rank Lowest at 0, so what is not above -infinity is
// never taken and 0 is the answer if nothing is.
//
// Latency:       log2(Lanes) + 1 from the last beat to found_o. Throughput: one beat a cycle. Never stalls.
//
// Ports:
//   start_i  before the first beat: forget the vector before
//   base_i   id of lane 0, a multiple of the lanes in use
//   found_o  one cycle: id_o is the answer, and stays until start_i
module sampler_best
  import sampler_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned IdW = 20
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                start_i,
    input  logic [32*Lanes-1:0] rank_i,
    input  logic [     IdW-1:0] base_i,
    input  logic                valid_i,
    input  logic                last_i,
    output logic [     IdW-1:0] id_o,
    output logic                found_o
);
  localparam int unsigned Levels = $clog2(Lanes);
  localparam int unsigned LaneW = (Levels > 0) ? Levels : 1;

  // A heap: node 1 is the root, the children of n are 2n and 2n + 1, the leaves are Lanes .. 2*Lanes-1.
  logic [31:0] rank[2*Lanes];
  logic [LaneW-1:0] lane[2*Lanes];
  assign rank[0] = Nothing;
  assign lane[0] = '0;
  for (genvar i = 0; i < Lanes; i++) begin : gen_leaves
    assign rank[Lanes+i] = rank_i[32*i+:32];
    assign lane[Lanes+i] = LaneW'(i);
  end
  for (genvar n = 1; n < Lanes; n++) begin : gen_nodes
    wire right = rank[2*n+1] > rank[2*n];
    logic [31:0] rank_q;
    logic [LaneW-1:0] lane_q;
    always_ff @(posedge clk_i) begin
      rank_q <= right ? rank[2*n+1] : rank[2*n];
      lane_q <= right ? lane[2*n+1] : lane[2*n];
    end
    assign rank[n] = rank_q;
    assign lane[n] = lane_q;
  end
  wire unused = ^{rank[0], lane[0]};

  logic [IdW-1:0] base;
  logic valid, last;
  fp32_delay #(.Width(IdW + 1), .Cycles(Levels)) u_base (
      .clk_i, .enable_i(1'b1), .d_i({last_i, base_i}), .q_o({last, base})
  );
  if (Levels == 0) begin : gen_one_lane
    assign valid = valid_i;
  end else begin : gen_lanes
    fp32_valid #(.Cycles(Levels)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i, .valid_o(valid));
  end

  logic [31:0] best_q;
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      best_q <= Lowest;
      id_o   <= '0;
    end else if (valid && rank[1] > best_q) begin
      best_q <= rank[1];
      id_o   <= base | IdW'(lane[1]);
    end
    found_o <= rst_ni && valid && last;
  end
endmodule
