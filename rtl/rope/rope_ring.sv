// rope_ring: holds the heads until they are rotated: beat j of the first half of a head beside beat j of its second half.
//
// Latency:       a pair can be read the cycle after its second beat was taken.
// Throughput:    one beat a cycle.
// Back-pressure: beats wait for a command and, in the first half of a head, for a place. A ring of 2 MaxHalf + 3 places
//                or more lets beats in without a pause while heads are rotated as fast.
//
// Ports:
//   s_last_beat_i, s_last_head_i  the command: last beat of half a head, last head; from 0
//   some_o               pairs are there that first_i has not asked for
//   first_i, second_i    the pair in front is read for the first, for the second time, which frees its place
//   low_o, high_o        beat of the first and of the second half, combinational; of the second reading if second_i
//   error_o              a head ended elsewhere than its tlast says; stays
module rope_ring #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxHalf = 8,
    parameter int unsigned HeadsW = 16,
    localparam int unsigned HalfW = $clog2(MaxHalf + 1)
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   HalfW-1:0] s_last_beat_i,
    input  logic [  HeadsW-1:0] s_last_head_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic                some_o,
    input  logic                pass_i,
    input  logic                first_i,
    input  logic                second_i,
    output logic [32*Lanes-1:0] low_o,
    output logic [32*Lanes-1:0] high_o,
    output logic                error_o
);
  localparam int unsigned PlaceW = $clog2(2 * MaxHalf + 3);
  localparam int unsigned Places = 1 << PlaceW;

  // ---- write -------------------------------------------------------------------------------------------------------
  logic high_q;  // in the second half of a head
  logic [HalfW-1:0] beat_q;
  logic [HeadsW-1:0] head_q;
  logic [PlaceW-1:0] low_write_q, high_write_q, first_q, second_q;
  logic [PlaceW:0] used_q, pairs_q;
  wire take = s_axis_tvalid && s_axis_tready;
  wire end_half = beat_q == s_last_beat_i;
  wire end_head = end_half && high_q;
  wire end_all = end_head && head_q == s_last_head_i;
  assign s_axis_tready = s_valid_i && (high_q || !used_q[PlaceW]);
  assign s_ready_o = take && end_all;

  (* ram_style = "distributed" *) logic [32*Lanes-1:0] low[Places], high[Places];
  always_ff @(posedge clk_i) begin
    if (take && !high_q) low[low_write_q] <= s_axis_tdata;
    if (take && high_q) high[high_write_q] <= s_axis_tdata;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      high_q       <= 1'b0;
      beat_q       <= '0;
      head_q       <= '0;
      low_write_q  <= '0;
      high_write_q <= '0;
      first_q      <= '0;
      second_q     <= '0;
      used_q       <= '0;
      pairs_q      <= '0;
      some_o       <= 1'b0;
      error_o      <= 1'b0;
    end else begin
      if (take) begin
        beat_q <= end_half ? '0 : beat_q + HalfW'(1);
        if (end_half) high_q <= !high_q;
        if (end_head) head_q <= end_all ? '0 : head_q + HeadsW'(1);
        if (high_q) high_write_q <= high_write_q + PlaceW'(1);
        else low_write_q <= low_write_q + PlaceW'(1);
        if (s_axis_tlast != end_head) error_o <= 1'b1;
      end
      if (first_i) first_q <= first_q + PlaceW'(1);
      if (second_i) second_q <= second_q + PlaceW'(1);
      if ((take && !high_q) != second_i) used_q <= second_i ? used_q - (PlaceW + 1)'(1) : used_q + (PlaceW + 1)'(1);
      if ((take && high_q) != first_i) begin
        pairs_q <= first_i ? pairs_q - (PlaceW + 1)'(1) : pairs_q + (PlaceW + 1)'(1);
        some_o  <= !first_i || pairs_q != (PlaceW + 1)'(1);
      end
    end
  end

  // ---- read --------------------------------------------------------------------------------------------------------
  wire [PlaceW-1:0] place = pass_i ? second_q : first_q;
  assign low_o  = low[place];
  assign high_o = high[place];

  a_pairs :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      pairs_q <= used_q && some_o == (pairs_q != '0) && used_q <= (PlaceW + 1)'(Places));
  a_read :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(first_i && second_i) && (some_o || !first_i));
endmodule
