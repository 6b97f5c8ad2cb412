// rope_rows: takes one table row for each command and keeps it while its heads are rotated; the next one loads meanwhile.
//
// A row is (cos 0, sin 0, cos 1, sin 1, ..), two beats for each beat of half a head; the two are kept side by side.
//
// Latency:       a row can be used the cycle after its last beat was taken.
// Throughput:    one beat a cycle.
// Back-pressure: two rows are held; beats wait for a command and for room.
//
// Ports:
//   s_last_beat_i, s_last_head_i  the command: last beat of half a head, last head; from 0
//   m_last_beat_o, m_last_head_o  of the row that is ready; place_i picks a beat of it; cos_o and sin_o are combinational
//   m_ready_i            the row is done with
//   error_o              a row ended elsewhere than its tlast says; stays
module rope_rows #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxHalf = 8,
    parameter int unsigned HeadsW = 16,
    localparam int unsigned HalfW = $clog2(MaxHalf + 1),
    localparam int unsigned PlaceW = (MaxHalf > 1) ? $clog2(MaxHalf) : 1
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [   HalfW-1:0] s_last_beat_i,
    input  logic [  HeadsW-1:0] s_last_head_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    input  logic [32*Lanes-1:0] s_axis_row_tdata,
    input  logic                s_axis_row_tlast,
    input  logic                s_axis_row_tvalid,
    output logic                s_axis_row_tready,
    output logic [   HalfW-1:0] m_last_beat_o,
    output logic [  HeadsW-1:0] m_last_head_o,
    output logic                m_valid_o,
    input  logic                m_ready_i,
    input  logic [  PlaceW-1:0] place_i,
    output logic [32*Lanes-1:0] cos_o,
    output logic [32*Lanes-1:0] sin_o,
    output logic                error_o
);
  // ---- write -------------------------------------------------------------------------------------------------------
  logic room, write_q, read_q, odd_q;  // halves of the memory that are written and read; the second of two beats
  logic [PlaceW-1:0] place_q;
  wire take = s_axis_row_tvalid && s_axis_row_tready;
  wire last = odd_q && HalfW'(place_q) == s_last_beat_i;
  assign s_axis_row_tready = s_valid_i && room;
  assign s_ready_o = take && last;

  (* ram_style = "distributed" *) logic [32*Lanes-1:0] even[2<<PlaceW], odd[2<<PlaceW];
  always_ff @(posedge clk_i) begin
    if (take && !odd_q) even[{write_q, place_q}] <= s_axis_row_tdata;
    if (take && odd_q) odd[{write_q, place_q}] <= s_axis_row_tdata;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= 1'b0;
      read_q  <= 1'b0;
      odd_q   <= 1'b0;
      place_q <= '0;
      error_o <= 1'b0;
    end else begin
      if (take) begin
        odd_q <= !odd_q;
        if (odd_q) place_q <= last ? '0 : place_q + PlaceW'(1);
        if (last) write_q <= !write_q;
        if (s_axis_row_tlast != last) error_o <= 1'b1;
      end
      if (m_valid_o && m_ready_i) read_q <= !read_q;
    end
  end

  logic [1:0] level;
  fifo #(.Width(HalfW + HeadsW), .Depth(2)) u_loaded (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({s_last_beat_i, s_last_head_i}), .s_valid_i(take && last), .s_ready_o(room),
      .m_data_o({m_last_beat_o, m_last_head_o}), .m_valid_o, .m_ready_i, .level_o(level)
  );
  wire unused = ^level;

  // ---- read --------------------------------------------------------------------------------------------------------
  wire [64*Lanes-1:0] both = {odd[{read_q, place_i}], even[{read_q, place_i}]};
  for (genvar i = 0; i < Lanes; i++) begin : gen_pairs
    assign {sin_o[32*i+:32], cos_o[32*i+:32]} = both[64*i+:64];
  end
endmodule
