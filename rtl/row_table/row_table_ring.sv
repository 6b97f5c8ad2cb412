// row_table_ring: the table on chip. A ring memory that is written beat after beat and read one row piece (16 entries) at a time.
//
// The beats of all jobs follow one another; who reads knows from the job where a position begins. A word is a beat or a piece,
// whichever is wider; narrower beats are collected under part enables, of a wider beat the piece is selected behind the memory.
//
// Latency:       2 cycles from rd_en_i to rd_data_o (memory, its output register). A beat taken is readable, and counted in
//                wr_ptr_o, one cycle later.
// Throughput:    one beat written and one piece read a cycle.
// Back-pressure: s_axis_table_tready depends only on registers: there is room for a beat.
//
// Parameters: EntryW, BeatW as in row_table; Words depth of the memory, a power of two.
// Ports:      wr_ptr_o counts words modulo 2*Words; free_i gives back free_words_i of the oldest words
module row_table_ring #(
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned Words = 32768,
    parameter MemStyle = "auto",
    localparam int unsigned PieceW = 16 * EntryW,
    localparam int unsigned WordW = (BeatW > PieceW) ? BeatW : PieceW,
    localparam int unsigned Select = WordW / PieceW,
    localparam int unsigned SelW = (Select > 1) ? $clog2(Select) : 1,
    localparam int unsigned PtrW = $clog2(Words)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic [ BeatW-1:0] s_axis_table_tdata,
    input  logic              s_axis_table_tvalid,
    output logic              s_axis_table_tready,
    output logic [    PtrW:0] wr_ptr_o,
    input  logic              free_i,
    input  logic [    PtrW:0] free_words_i,
    input  logic              rd_en_i,
    input  logic [  PtrW-1:0] rd_word_i,
    input  logic [  SelW-1:0] rd_sel_i,
    output logic [PieceW-1:0] rd_data_o
);
  localparam int unsigned Parts = WordW / BeatW;
  localparam int unsigned PartW = (Parts > 1) ? $clog2(Parts) : 1;

  (* ram_style = MemStyle *) logic [WordW-1:0] mem[Words];
  logic [WordW-1:0] word_q, out_q;
  logic [SelW-1:0] sel_q, sel_out_q;
  logic [PtrW:0] wr_ptr_q, used_q;  // used: words written or being written, not yet freed
  logic [PartW-1:0] part_q;

  wire write = s_axis_table_tvalid && s_axis_table_tready;
  wire last_part = part_q == PartW'(Parts - 1);

  assign s_axis_table_tready = !used_q[PtrW];
  assign wr_ptr_o = wr_ptr_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned p = 0; p < Parts; p++) begin
      if (write && part_q == PartW'(p)) mem[wr_ptr_q[PtrW-1:0]][p*BeatW+:BeatW] <= s_axis_table_tdata;
    end
    if (rd_en_i) word_q <= mem[rd_word_i];
    out_q     <= word_q;
    sel_q     <= rd_sel_i;
    sel_out_q <= sel_q;
  end

  if (Select > 1) begin : g_select
    assign rd_data_o = out_q[32'(sel_out_q)*PieceW+:PieceW];
  end else begin : g_whole
    assign rd_data_o = out_q;
    wire unused_sel = &{1'b0, sel_out_q};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_ptr_q <= '0;
      used_q   <= '0;
      part_q   <= '0;
    end else begin
      if (write) part_q <= last_part ? '0 : part_q + PartW'(1);
      if (write && last_part) wr_ptr_q <= wr_ptr_q + (PtrW + 1)'(1);
      used_q <= used_q + (PtrW + 1)'(write && last_part) - (free_i ? free_words_i : '0);
    end
  end

  a_free_what_is_used :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) free_i |-> free_words_i <= used_q);
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) used_q <= (PtrW + 1)'(Words));
endmodule
