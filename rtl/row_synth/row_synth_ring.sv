// row_synth_ring: codebook beats of the blocks to come, in a ring of distributed RAM, read in the order in which lanes need them.
//
// The beats of a block are [lane][piece]. read_i with a piece number gives this piece of lane 0 at data_o in the next cycle, of
// lane 1 in the cycle after, and so on for Lanes cycles.
//
// Latency:       a beat is counted, and can be read, the cycle after it was taken.
// Throughput:    one beat in and one out a cycle. Reads must be Lanes cycles apart.
// Back-pressure: s_axis_cb_tready depends only on registers. release_i gives a block's room back after two cycles; the last lane's
//                read comes in the next cycle at the latest. Claims are Lanes cycles apart at least.
//
// Parameters: Lanes, BeatW, RingBeats as in row_synth; PieceW  bits of a piece number
// Ports:
//   code_i     of the job in use: a block is Lanes * K / centroids per beat beats, K = 16 << code_i
//   ready_o    all beats of a block wait here
//   claim_i    they are used from now on
//   release_i  they are not needed any more
module row_synth_ring #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned BeatW = 256,
    parameter int unsigned RingBeats = 32,
    parameter int unsigned PieceW = 2
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic [ BeatW-1:0] s_axis_cb_tdata,
    input  logic              s_axis_cb_tvalid,
    output logic              s_axis_cb_tready,
    input  logic [       1:0] code_i,
    output logic              ready_o,
    input  logic              claim_i,
    input  logic              release_i,
    input  logic              read_i,
    input  logic [PieceW-1:0] piece_i,
    output logic [ BeatW-1:0] data_o
);
  localparam int unsigned PtrW = $clog2(RingBeats);
  localparam int unsigned LevelW = PtrW + 1;
  localparam int unsigned Pieces16 = 256 / BeatW;  // beats of a row of 16 centroids

  (* ram_style = "distributed" *) logic [BeatW-1:0] mem[RingBeats];
  logic [PtrW-1:0] wr_q, base_q, rd_q;  // base_q: first beat of the block in use or to come
  logic [LevelW-1:0] used_q, ready_q;  // beats in the ring; those of them not claimed yet
  logic [LevelW-1:0] claim_q, release_q;  // beats claimed, released a cycle ago

  wire take = s_axis_cb_tvalid && s_axis_cb_tready;
  wire [LevelW-1:0] block_beats = LevelW'(Lanes * Pieces16) << code_i;

  assign s_axis_cb_tready = !used_q[PtrW];
  assign ready_o = (ready_q >> code_i) >= LevelW'(Lanes * Pieces16);  // a power of two
  assign data_o = mem[rd_q];

  always_ff @(posedge clk_i) begin
    if (take) mem[wr_q] <= s_axis_cb_tdata;
    rd_q <= read_i ? base_q + PtrW'(piece_i) : rd_q + (PtrW'(Pieces16) << code_i);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_q      <= '0;
      base_q    <= '0;
      used_q    <= '0;
      ready_q   <= '0;
      claim_q   <= '0;
      release_q <= '0;
    end else begin
      if (take) wr_q <= wr_q + PtrW'(1);
      if (release_i) base_q <= base_q + PtrW'(block_beats);
      claim_q   <= claim_i ? block_beats : '0;
      release_q <= release_i ? block_beats : '0;
      used_q    <= used_q + LevelW'(take) - release_q;
      ready_q   <= ready_q + LevelW'(take) - claim_q;
    end
  end

  a_levels :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      used_q <= LevelW'(RingBeats) && ready_q <= used_q && PtrW'(used_q - release_q) == PtrW'(wr_q - base_q));
  a_claim_complete :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) claim_i |-> ready_o && claim_q == '0);
endmodule
