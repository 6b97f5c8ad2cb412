// centroid_search_load: writes codebook beats into the ring of centroid rows and keeps its accounts.
//
// A row is one centroid per distance unit: row k of a codebook holds centroids k*Units .. k*Units+Units-1. Rows form a ring of
// Depth; a codebook takes max(1, c / Units) consecutive rows, c = centroids_i at its first beat. A beat may be a part of a row
// (it is then written under a part enable) or several rows (it is then written one row a cycle).
// A codebook smaller than a row is repeated across it: the copies have higher unit numbers, so they lose every tie and the
// result needs no mask.
//
// Latency:      the last row of a codebook is readable, and complete_o seen, Pieces + 1 cycles after its last beat was taken.
// Throughput:   one beat per max(1, centroids per beat / Units) cycles while the ring has room.
// Back-pressure: s_axis_cb_tready depends only on registers.
//
// Parameters: Centroids, Units, BeatW, ActW as in centroid_search; Depth rows of the ring.
// Ports: wr_*       one row write a cycle; wr_part_i enables part p = units p*PartC .. p*PartC+PartC-1
//        wr_last_o  this write completes a codebook
//        release_i  one row was read for the last time
module centroid_search_load #(
    parameter int unsigned Centroids = 64,
    parameter int unsigned Units = 16,
    parameter int unsigned BeatW = 256,
    parameter int unsigned ActW = 8,
    parameter int unsigned Depth = 32,
    localparam int unsigned PerBeat = BeatW / (2 * ActW),
    localparam int unsigned PartC = (PerBeat < Units) ? PerBeat : Units,
    localparam int unsigned Parts = Units / PartC,
    localparam int unsigned PartW = PartC * 2 * ActW,
    localparam int unsigned CountW = $clog2(Centroids + 1),
    localparam int unsigned RowW = $clog2(Depth)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [CountW-1:0] centroids_i,
    input  logic [ BeatW-1:0] s_axis_cb_tdata,
    input  logic              s_axis_cb_tvalid,
    output logic              s_axis_cb_tready,
    input  logic              s_axis_cb_tlast,
    output logic [ Parts-1:0] wr_part_o,
    output logic [  RowW-1:0] wr_row_o,
    output logic [ PartW-1:0] wr_data_o,
    output logic              wr_last_o,
    input  logic              release_i
);
  localparam int unsigned Pieces = PerBeat / PartC;
  localparam int unsigned PieceW = (Pieces > 1) ? $clog2(Pieces) : 1;
  localparam int unsigned LevelW = $clog2(Depth + 1);
  localparam int unsigned BookW = $clog2(Centroids / PerBeat);
  localparam int unsigned BeatCntW = (BookW > 0) ? BookW : 1;

  logic [BeatCntW-1:0] beat_q;  // beats of this codebook taken so far
  logic [BeatCntW-1:0] last_beat_q;  // beats of this codebook - 1: all ones below a power of two, so also a mask
  logic [BeatW-1:0] data_q;
  logic [Parts-1:0] part_q;
  logic valid_q, row_done_q, last_q;
  logic [PieceW-1:0] piece_q;
  logic [  RowW-1:0] row_q;
  logic [LevelW-1:0] level_q;  // rows taken, from the beat that opens a row to its release

  // The count of a codebook is sampled with its first beat, so it may change from one codebook to the next.
  wire [CountW-1:0] beats = centroids_i >> $clog2(PerBeat);
  logic [BeatCntW-1:0] beats_less_one;  // of a power of two: ones below it
  always_comb begin
    for (int unsigned b = 0; b < BeatCntW; b++) beats_less_one[b] = (beats >> (b + 1)) != 0;
  end
  wire [BeatCntW-1:0] last_beat = (beat_q == 0) ? beats_less_one : last_beat_q;
  wire [BeatCntW-1:0] part_mask = last_beat & BeatCntW'(Parts - 1);
  wire opens_row = (beat_q & last_beat_q & BeatCntW'(Parts - 1)) == 0;  // beat 0 does, whatever the old mask says
  wire last_piece = piece_q == PieceW'(Pieces - 1);
  wire take = s_axis_cb_tvalid && s_axis_cb_tready;

  assign s_axis_cb_tready = (!valid_q || last_piece) && (!opens_row || level_q <= LevelW'(Depth - Pieces));
  assign wr_part_o = part_q & {Parts{valid_q}};
  assign wr_row_o  = row_q;
  assign wr_data_o = data_q[PartW-1:0];
  assign wr_last_o = valid_q && last_q && last_piece;

  always_ff @(posedge clk_i) begin
    if (take) begin
      data_q      <= s_axis_cb_tdata;
      last_beat_q <= last_beat;
      row_done_q  <= (beat_q & part_mask) == part_mask;
      last_q      <= beat_q == last_beat;
      for (int unsigned p = 0; p < Parts; p++) part_q[p] <= ((beat_q ^ BeatCntW'(p)) & part_mask) == 0;
    end else if (Pieces > 1) begin
      data_q <= data_q >> PartW;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q  <= '0;
      valid_q <= 1'b0;
      piece_q <= '0;
      row_q   <= '0;
      level_q <= '0;
    end else begin
      if (take) beat_q <= (beat_q == last_beat) ? '0 : beat_q + BeatCntW'(1);
      valid_q <= take || (valid_q && !last_piece);
      if (valid_q) begin
        piece_q <= last_piece ? '0 : piece_q + PieceW'(1);
        if (row_done_q) row_q <= row_q + RowW'(1);
      end
      level_q <= level_q + ((take && opens_row) ? LevelW'(Pieces) : '0) - LevelW'(release_i);
    end
  end

  // Integration: what the codebook stream must obey.
  a_count :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axis_cb_tvalid && beat_q == 0 |->
      $onehot(centroids_i) && centroids_i >= CountW'(PerBeat) && centroids_i <= CountW'(Centroids));
  a_tlast :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axis_cb_tvalid |-> s_axis_cb_tlast == (beat_q == last_beat));
  // Implementation.
  a_level :
  assert property (@(posedge clk_i) disable iff (!rst_ni) level_q <= LevelW'(Depth) && !(release_i && level_q == 0));
  a_latency :  // its pieces follow a beat without a gap, so wr_last_o comes Pieces cycles after the last beat
  assert property (@(posedge clk_i) disable iff (!rst_ni) take |=> valid_q && piece_q == 0);
  a_pieces :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_q && !last_piece |=> valid_q && piece_q == $past(piece_q) + 1'b1);
endmodule
