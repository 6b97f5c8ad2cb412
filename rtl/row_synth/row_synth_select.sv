// row_synth_select: the centroid of every lane that an entry needs, out of codebook beats that come lane after lane.
//
// Every lane holds the beat in use and selects one of its centroids a cycle. The ring has one read port, so lane l works l cycles
// after lane 0; the centroids of the lower lanes wait for those of the highest (a delay costs 16 LUTs a lane and cycle, a
// second beat register a lane would cost 256 flip-flops).
//
// Latency:       Lanes + 2 cycles from step_i to centroids_o. beat_i of lane l is expected 1 + l cycles after load_i.
// Throughput:    one entry a cycle; loads at least Lanes cycles apart.
// Back-pressure: none: it never stops.
//
// Parameters: Lanes, BeatW as in row_synth
module row_synth_select #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned BeatW = 256,
    localparam int unsigned StepW = $clog2(BeatW / 16)
) (
    input  logic                clk_i,
    input  logic                load_i,
    input  logic [   StepW-1:0] step_i,
    input  logic [   BeatW-1:0] beat_i,
    output logic [Lanes*16-1:0] centroids_o
);
  logic [Lanes-1:0] load_q;  // of lane l
  logic [StepW-1:0] step_q[Lanes+1];  // of lane l at [l + 1]
  always_ff @(posedge clk_i) begin
    load_q    <= Lanes'({load_q, load_i});
    step_q[0] <= step_i;
    for (int unsigned i = 1; i <= Lanes; i++) step_q[i] <= step_q[i-1];
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [BeatW-1:0] beat_q;
    logic [15:0] centroid_q[Lanes-l];
    always_ff @(posedge clk_i) begin
      if (load_q[l]) beat_q <= beat_i;
      centroid_q[0] <= beat_q[step_q[l+1]*16+:16];
      for (int unsigned i = 1; i < Lanes - l; i++) centroid_q[i] <= centroid_q[i-1];
    end
    assign centroids_o[l*16+:16] = centroid_q[Lanes-l-1];
  end
endmodule
