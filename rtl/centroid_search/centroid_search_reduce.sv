// centroid_search_reduce: the nearest of the chains' results (a registered binary tree), then the nearest over the rows.
//
// Heap numbering: node 1 is the root, node n has children 2n (lower indices) and 2n+1, leaves Chains .. 2*Chains-1. A right
// child wins only when strictly nearer, and a later row likewise, so ties end at the lowest index.
//
// Latency:    dist_i to valid_o: $clog2(Chains) + 1 cycles; k_i, valid_i, last_i, tlast_i arrive with the root, that is
//             $clog2(Chains) cycles after dist_i. Throughput: one row a cycle, no stall.
// Parameters: Units, ChainLen; Rows per codebook at most; DistW.
// Ports:      last_i this is the vector's last row; index_o = row * Units + unit.
module centroid_search_reduce #(
    parameter int unsigned Units = 16,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned Rows = 4,
    parameter int unsigned DistW = 8,
    localparam int unsigned Chains = Units / ChainLen,
    localparam int unsigned UnitW = $clog2(Units),
    localparam int unsigned KW = (Rows > 1) ? $clog2(Rows) : 1,
    localparam int unsigned IndexW = $clog2(Rows * Units)
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic [Chains-1:0][ DistW-1:0] dist_i,
    input  logic [Chains-1:0][ UnitW-1:0] unit_i,
    input  logic                          valid_i,
    input  logic [    KW-1:0]             k_i,
    input  logic                          last_i,
    input  logic                          tlast_i,
    output logic                          valid_o,
    output logic [IndexW-1:0]             index_o,
    output logic                          tlast_o
);
  localparam int unsigned Levels = $clog2(Chains);

  logic [DistW-1:0] node_dist[2*Chains];  // nodes 1 .. Chains-1 are registers, Chains .. 2*Chains-1 the leaves
  logic [UnitW-1:0] node_unit[2*Chains];
  logic [DistW-1:0] node_dist_q[Chains];
  logic [UnitW-1:0] node_unit_q[Chains];
  logic [DistW-1:0] best_dist_q;
  logic [KW-1:0] best_k_q;
  logic [UnitW-1:0] best_unit_q;

  always_comb begin
    node_dist[0] = '0;
    node_unit[0] = '0;
    for (int unsigned n = 1; n < Chains; n++) begin
      node_dist[n] = node_dist_q[n];
      node_unit[n] = node_unit_q[n];
    end
    for (int unsigned n = 0; n < Chains; n++) begin
      node_dist[Chains+n] = dist_i[n];
      node_unit[Chains+n] = unit_i[n];
    end
  end

  always_ff @(posedge clk_i) begin
    for (int l = 0; l < int'(Levels); l++) begin
      for (int unsigned n = Chains >> (l + 1); n < Chains >> l; n++) begin
        node_dist_q[n] <= (node_dist[2*n+1] < node_dist[2*n]) ? node_dist[2*n+1] : node_dist[2*n];
        // each child spans ChainLen << l units; the bits from there on are still zero
        node_unit_q[n] <= (node_dist[2*n+1] < node_dist[2*n]) ? node_unit[2*n+1] | UnitW'(ChainLen << l) : node_unit[2*n];
      end
    end
  end

  wire nearer = k_i == 0 || node_dist[1] < best_dist_q;

  always_ff @(posedge clk_i) begin
    tlast_o <= tlast_i;
    if (nearer) begin
      best_dist_q <= node_dist[1];
      best_k_q    <= k_i;
      best_unit_q <= node_unit[1];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= valid_i && last_i;
  end

  assign index_o = IndexW'({best_k_q, best_unit_q});

  a_first :  // k_i and the distances stay aligned: a vector starts at row 0 after the last row of the one before
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_o |-> !valid_i || k_i == 0);
endmodule
